"""`ctp-terminal`: the command line. It parses what is typed, and prints what came of it."""
