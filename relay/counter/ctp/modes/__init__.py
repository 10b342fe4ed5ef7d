"""Many-to-many and many-to-one: how a terminal's login becomes one at the counter."""
