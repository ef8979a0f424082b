"""The command line: a face for people on what the rest of the package does."""
