"""The conversation between terminals and the relay: hand-written .proto files and what protoc makes of them."""
