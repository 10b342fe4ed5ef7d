"""What one terminal has with the relay: the order of its conversation, and the ways its session ends."""
