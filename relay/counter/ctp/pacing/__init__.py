"""When a request may be sent: who is next, and how many in a second."""
