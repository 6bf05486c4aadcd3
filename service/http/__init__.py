"""The HTTP server and its worker processes."""
