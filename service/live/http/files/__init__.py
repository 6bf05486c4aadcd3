"""The page's own files, and what a browser installs."""
