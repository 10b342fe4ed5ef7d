"""The doors: gRPC for terminals and for the control socket. They move bytes and decide nothing."""
