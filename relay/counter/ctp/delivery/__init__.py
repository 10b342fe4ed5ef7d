"""What a terminal gets of the counter's notices, each once and in order, and the day for those who come late."""
