"""What one terminal has with the relay: the order of its conversation."""
