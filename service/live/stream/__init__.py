"""The event stream: one read and one frame for all subscribers of a query."""
