"""What keeps boards true without a webhook: time, other nodes, retention, recomputation."""
