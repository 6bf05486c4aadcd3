"""What a person does to the ledger, by a command or on the admin page."""
