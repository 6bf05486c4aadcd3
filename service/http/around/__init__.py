"""What is around the routes and holds for every address."""
