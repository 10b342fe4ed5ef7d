"""Market data from CTP: the one session of this process at the front for it, and its pure machine."""
