"""What a transaction applies to an account, and the rows of the account that it needs for that."""
