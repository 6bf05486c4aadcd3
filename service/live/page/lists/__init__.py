"""The lists behind the figures of a board: what is in each, its page, and its file."""
