"""The simulated counter: a drop-in trader library and the counter it talks to, for trading offline."""
