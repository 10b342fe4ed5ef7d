"""Queries: what happens to one that is never answered, and answers that are asked once for all."""
