"""Who is let in: the terminal's proof, its system info, its address, and the locks after failed logins."""
