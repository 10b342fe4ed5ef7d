"""Where connections come in: the accept loop, who holds how many places, how fast, and what one may spend before it has proved itself."""
