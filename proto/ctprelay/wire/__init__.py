"""gRPC's messages in HTTP/2's frames, as bytes: what the relay's end and the terminal's have in common. Pure."""
