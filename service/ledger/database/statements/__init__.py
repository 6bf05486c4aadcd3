"""Statements of the hot path: compiled once, run on the driver's cursor."""
