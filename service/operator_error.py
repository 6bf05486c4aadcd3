"""Errors that the operator can solve."""

from __future__ import annotations

from typing import ClassVar


class OperatorError(Exception):
    """An error whose text says to the operator what is wrong and what to do. A command prints it without a
    traceback.

    Attributes:
        exit_code: Of the command that ends with it.
    """

    exit_code: ClassVar[int] = 1


class Unknown(OperatorError, LookupError):
    """There is no such account, delivery, screen or client."""
