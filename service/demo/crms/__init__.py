"""Simulated CRMs: each serves an office by its vendor's API, and posts its vendor's webhooks."""
