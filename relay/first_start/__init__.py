"""What `ctp-relay init` makes: commented settings, files for secrets with the right modes, a certificate for trying out."""
