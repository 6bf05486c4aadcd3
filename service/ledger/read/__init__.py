"""Reads of a board and of the lists behind its figures."""
