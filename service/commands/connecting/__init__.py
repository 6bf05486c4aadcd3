"""Connecting a CRM: a configuration, a test of the way, and what arrives."""
