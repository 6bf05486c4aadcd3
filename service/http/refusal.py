"""Answers of the connection itself, to what cannot be a request."""

from __future__ import annotations

from http import HTTPStatus

from service.http.security import SECURITY
from service.problems import Problem


def refusal(problem: Problem) -> bytes:
    """The whole response, which is the last one of its connection."""
    body = problem.body()
    head = [
        f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}",
        "content-type: application/problem+json",
        f"content-length: {len(body)}",
        *(f"{name}: {value}" for name, value in SECURITY.items()),
        "connection: close",
        "\r\n",
    ]
    return "\r\n".join(head).encode() + body
