"""The pages of `/admin`. They have no JavaScript."""
