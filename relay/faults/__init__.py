"""What is wrong with the relay now: every fault with its texts, since when it stands, and one log line at each edge."""
