"""Which address a terminal has, and which proxies are believed about it."""
