"""What the Makefile calls: set-up, check and wheels (shell), links and compose (Python)."""
