"""Several equal processes on one port: a supervisor starts them, gives each connection to one, and is asked for all of them."""
