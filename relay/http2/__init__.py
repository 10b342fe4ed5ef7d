"""gRPC over HTTP/2 as terminals meet it: frames, flow control, messages, calls. It knows nothing of sessions, and opens no socket."""
