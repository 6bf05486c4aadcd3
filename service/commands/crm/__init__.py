"""`lossboard sync`, `subscribe` and `import`: how a CRM's data and webhooks get here."""
