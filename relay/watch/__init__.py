"""What is looked after while no terminal logs in: disk, database, certificate, clock, descriptors, fronts, verifier, the loop."""
