"""Orders and everything else terminals ask of a counter session: one pure router, and the driver that carries it out."""
