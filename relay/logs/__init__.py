"""What the relay says of itself: log lines, and alarms that a person must look at."""
