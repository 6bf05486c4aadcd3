"""The simulated AmoCRM, written from the vendor's documents."""
