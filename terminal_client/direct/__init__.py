"""The terminal without a relay: `DirectTerminal` (`terminal`) over one session at one counter (`link`)."""
