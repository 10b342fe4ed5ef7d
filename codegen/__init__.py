"""Writes the generated files: introspects the installed openctp-ctp binding and emits data and messages."""
