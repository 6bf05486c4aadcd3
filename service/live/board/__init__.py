"""The board as values: query, snapshot, patch."""
