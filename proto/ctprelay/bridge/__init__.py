"""The bridge's protocol, by version."""
