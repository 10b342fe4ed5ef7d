"""A terminal that is let in: its stream, what it may say when, its session, and what it still has to get."""
