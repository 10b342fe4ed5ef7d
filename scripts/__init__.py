"""What the Makefile calls: set-up and check (shell), links and compose (Python)."""
