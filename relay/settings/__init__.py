"""What the operator of a relay may set, where it is read from, and how it is explained."""
