"""The simulated amoCRM, written from the vendor's documents."""
