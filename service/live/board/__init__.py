"""A board as values: query, ranges, snapshot, patch."""
