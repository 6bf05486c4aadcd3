"""What the admin page shows: a page of rows at a time."""
