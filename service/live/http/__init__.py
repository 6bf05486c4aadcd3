"""The HTTP routes of the boards, and who may see them."""
