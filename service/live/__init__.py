"""The live board: as JSON, as a page, and as a stream of patches to every subscriber."""
