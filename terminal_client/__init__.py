"""The terminal: collects the machine's identity, logs in at a relay and trades."""
