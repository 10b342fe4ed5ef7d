"""The wire in front of the services: gRPC servicers that move bytes and know nothing of CTP."""
