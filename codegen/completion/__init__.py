"""Shell completion for the three programs, from the commands that they have: scripts that start no Python.

`places` reads a program's commands, options and choices; `bash`, `zsh` and `fish` each write one script; `scripts` says where they go.
All three scripts walk the words that were typed in the same way: from command to subcommand, past options and their values, counting
arguments; then they offer what fits at that place.
"""
