"""Sync: fetches from the CRM's API what its webhooks leave out, lose, or never send."""
