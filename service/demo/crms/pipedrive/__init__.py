"""The simulated Pipedrive, written from the vendor's documents."""
