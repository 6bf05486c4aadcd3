"""CSV files, read as deliveries."""
