"""A terminal's own order references, and those they become at the counter."""
