"""In: webhooks are authenticated, decoded and handed to the ledger's writer."""
