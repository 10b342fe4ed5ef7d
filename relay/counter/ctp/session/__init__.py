"""One session at the counter: connect, authenticate, report, log in, and come back."""
