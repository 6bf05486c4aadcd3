"""What a running service tells of what it does, besides its metrics: the log, and traces."""
