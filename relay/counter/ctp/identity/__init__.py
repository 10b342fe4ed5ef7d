"""In whose name a request is sent, and whose an event is."""
