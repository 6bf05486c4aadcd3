"""The messages and number formats of each language."""
