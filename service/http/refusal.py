"""Answers of the connection itself, to what cannot be a request."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from service.http.around.security import SECURITY
from service.http.limits import MAX_FIELDS, MAX_HEAD
from service.problems import Problem

TOO_LARGE: Final = Problem(431, f"the head is over {MAX_HEAD // 1024} KiB or {MAX_FIELDS} fields")
NOT_HTTP: Final = Problem(400, "the request is not HTTP/1.1")


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
