"""Lossboard: where a sales office loses its money, live on its wall. `ARCHITECTURE.md` is the map."""
