"""What an operator reads: the admin page, and the metrics of the accounts."""
