"""The board as HTML."""
