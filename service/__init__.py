"""Lossboard: where a sales office loses its money, live on its wall. `ARCHITECTURE.md` is the map."""

import logging

logging.getLogger("httpx").setLevel(logging.WARNING)  # at INFO it logs every address, and some hold a secret
