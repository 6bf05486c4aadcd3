"""The simulated HubSpot, written from the vendor's documents."""
