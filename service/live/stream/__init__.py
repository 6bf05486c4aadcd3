"""The event stream: one frame for all subscribers of a query."""
