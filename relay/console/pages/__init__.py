"""The functions behind the pages: one module for each subject. `relay.console.routes` says where each one stands."""
