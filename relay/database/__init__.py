"""The tables of ledger and directory: how they are opened, what stands in them, and how they change with versions."""
