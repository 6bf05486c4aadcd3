"""The HTTP routes of boards and lists, and who may see them."""
