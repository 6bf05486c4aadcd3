"""From deliveries to committed state, sums and invalidations."""
