"""Use cases: admission of terminals, their sessions, the directory and the ledger writer."""
