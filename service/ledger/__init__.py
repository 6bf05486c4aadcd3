"""Durable: the one writer with group commit, the tables, and the reads of boards."""
