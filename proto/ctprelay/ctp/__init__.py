"""CTP, by version of these messages."""
