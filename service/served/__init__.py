"""The configuration that a running service works by. A reload replaces it as a whole, on the event loop."""
