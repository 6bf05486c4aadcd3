"""Peers: what they do is measured beside what the service does."""
