"""The admin page: who may see it, what it shows, what it takes."""
