"""What a delivery is called wherever it is told of: in the answer's header, the log, `tail` and traces."""

from __future__ import annotations


def stored_id(account: str, number: int) -> str:
    """The id of a delivery that is stored, by its account and its number there."""
    return f"{account}/{number}"


def refused_id(process: str, number: int) -> str:
    """The id of a delivery that is not: what the process calls itself, and how many it refused so far."""
    return f"refused-{process}-{number}"
