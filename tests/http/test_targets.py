"""The forms of a request's target and its Host over real sockets: one defined answer for each."""

from __future__ import annotations

import asyncio

import pytest

from service.http.around.address import Address
from service.http.around.security import SECURITY, SecurityHeaders
from tests.http.served import hello, served


async def answered(port: int, head: str) -> tuple[int, str]:
    """The status of a response, and its head in lower case."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{head}\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return int(answer.split(b" ", 2)[1]), answer.partition(b"\r\n\r\n")[0].decode().lower()


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("GET /a HTTP/1.1\r\nHost: board.example", 200),
        ("GET /a HTTP/1.0", 200),
        ("GET /a HTTP/1.1", 400),
        ("GET /a HTTP/1.1\r\nHost: a\r\nhost: a", 400),
        ("GET /a?token=1&token=2 HTTP/1.1\r\nHost: a", 400),
        ("GET http://evil.example/a HTTP/1.1\r\nHost: a", 200),  # its path is served; its host means nothing
        ("GET http://evil.example/a?token=1&token=2 HTTP/1.1\r\nHost: a", 400),
        ("GET http://evil.example HTTP/1.1\r\nHost: a", 400),
        ("GET http://u:p@evil.example:99999/a HTTP/1.1\r\nHost: a", 400),
        ("GET a HTTP/1.1\r\nHost: a", 400),
        ("CONNECT evil.example:443 HTTP/1.1\r\nHost: a", 400),
        ("GET /\u0430 HTTP/1.1\r\nHost: a", 400),
    ],
)
async def test_a_target_has_one_defined_answer(head: str, status: int) -> None:
    async with served(SecurityHeaders(Address(hello))) as (_, port):
        got, headers = await answered(port, head)
    assert got == status
    if status != 200:
        assert "\r\ncontent-type: application/problem+json" in headers
        assert [name for name in SECURITY if f"\r\n{name}: " not in headers] == []
