"""Webhooks: authenticates and decodes requests and submits them to the ledger's writer."""
