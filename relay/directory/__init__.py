"""Which terminals and investors the relay admits: the firm's tables of them, and the key of the auth codes."""
