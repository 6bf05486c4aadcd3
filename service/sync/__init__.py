"""Sync: the CRM is asked for what its webhooks leave out, lose, and never send."""
