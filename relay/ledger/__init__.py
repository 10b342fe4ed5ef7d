"""The permanent record: how it is written and chained, read, exported and verified."""
