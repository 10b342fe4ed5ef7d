"""The targets themselves: one module for each subject, its `PLAYS` by name."""
