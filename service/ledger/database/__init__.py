"""Connections, tables, and the one way to read and write."""
