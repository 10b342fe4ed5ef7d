"""What the relay says to a bridge, the process beside a library that runs elsewhere: a hand-written .proto file and what protoc makes of it."""
