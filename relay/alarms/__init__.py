"""Alarms that reach a person: what is said, by which ways, and that a storm becomes one message."""
