"""The documents that are made by asking the code: one module for each page."""
