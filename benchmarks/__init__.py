"""Measurements: what the relay costs an order, a login, a notice."""
