"""Compression: of pages, files and streams, for those who take it."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from service.live.http.files.encoding import encoded, takes_gzip
from service.live.page import render
from service.live.stream.frames import event
from service.live.stream.wire import GZIP_HEADER, Frame, Wire
from tests.live.boards import StubReader, worked_example
from tests.live.http.apps import boards_app, browser
from tests.live.http.test_crowds import Stream

BUDGET = 90_000
"""Bytes of all of the page's files, compressed."""


@asynccontextmanager
async def client(**headers: str) -> AsyncIterator[httpx.AsyncClient]:
    reader = StubReader()
    reader.board = worked_example()
    app, _ = boards_app(reader)
    given = {
        "accept-encoding": "identity",
        **{name.replace("_", "-"): text for name, text in headers.items()},
    }
    async with browser(app, given) as opened:
        yield opened


@pytest.mark.parametrize(
    "path", ["/boards/office", "/boards/office/snapshot", "/boards/office/tasks", "/static/board.css"]
)
async def test_what_is_large_is_compressed_for_those_who_take_it(path: str) -> None:
    async with client() as plain, client(accept_encoding="br;q=1, gzip;q=0.5") as packed:
        whole, small = await plain.get(path), await packed.get(path)
    assert "content-encoding" not in whole.headers
    assert small.headers["content-encoding"] == "gzip"
    assert whole.headers["vary"] == small.headers["vary"] == "accept-encoding, sec-fetch-site"
    assert small.content == whole.content
    assert int(small.headers["content-length"]) < int(whole.headers["content-length"])
    assert small.headers.get("etag", "none") != whole.headers.get("etag")


async def test_a_file_that_the_browser_has_is_not_sent_again_in_either_form() -> None:
    for coding in ("gzip", "identity"):
        async with client(accept_encoding=coding) as opened:
            tag = (await opened.get("/static/board.css")).headers["etag"]
            again = await opened.get("/static/board.css", headers={"if-none-match": tag})
        assert (again.status_code, again.content) == (304, b"")


async def test_what_another_site_leads_to_is_not_compressed() -> None:
    async with client(accept_encoding="gzip", sec_fetch_site="cross-site") as opened:
        assert "content-encoding" not in (await opened.get("/boards/office?manager=guess")).headers


@pytest.mark.parametrize(
    ("headers", "takes"),
    [
        ({}, False),
        ({"accept-encoding": "gzip"}, True),
        ({"accept-encoding": "deflate, GZIP ; q=0.1"}, True),
        ({"accept-encoding": "gzip;q=0"}, False),
        ({"accept-encoding": "gzip; q=0.00"}, False),
        ({"accept-encoding": "br, xgzip"}, False),
        ({"accept-encoding": "gzip", "sec-fetch-site": "same-origin"}, True),
        ({"accept-encoding": "gzip", "sec-fetch-site": "none"}, True),
        ({"accept-encoding": "gzip", "sec-fetch-site": "same-site"}, False),
    ],
)
def test_who_takes_gzip(headers: dict[str, str], takes: bool) -> None:
    assert takes_gzip(headers) is takes


def test_the_pages_files_stay_within_their_budget() -> None:
    sizes = {
        file.name: len(encoded(file.read_bytes(), "", gzip=True, level=9).content)
        for file in render.STATIC.iterdir()
        if file.suffix != ".txt"  # a licence, which no page loads
    }
    assert sum(sizes.values()) < BUDGET, sizes


def test_frames_that_were_compressed_once_make_a_gzip_stream_in_any_order() -> None:
    large, small = event("patch", ["позвонить"] * 99, 7), event("heartbeat", 1)
    assert len(large.block) * 4 < len(large)
    unread = zlib.decompressobj(zlib.MAX_WBITS | 16)
    begun = unread.decompress(GZIP_HEADER + Wire(gzip=True)(b"retry: 1\n\n"))
    assert begun == b"retry: 1\n\n"
    for frame, wire in (
        (small, Wire(gzip=True)),
        (large, Wire(gzip=True, channel=3)),
        (large, Wire(gzip=True)),
    ):
        label = b"" if wire.channel is None else b"data: 3\n"
        assert unread.decompress(wire(frame)) == label + frame  # at once, with nothing left for later
    assert Wire(channel=12)(small) == b"data: 12\n" + small
    huge = bytes(200_000)
    assert zlib.decompress(Wire(gzip=True)(huge) + b"\3\0", -zlib.MAX_WBITS) == huge
    assert isinstance(large, Frame)


@pytest.mark.parametrize("handover", [False, True], ids=["sent", "handed"])
async def test_a_stream_is_compressed_for_those_who_take_it(handover: bool) -> None:
    received: dict[str, str] = {}
    for coding, packed in (("gzip", True), ("br", False)):
        app, hub = boards_app(StubReader())
        stream = Stream(app, "office", coding=coding, handover=handover)
        async with asyncio.timeout(20):
            while stream.received.count(b"\n\n") < 2 and len(stream.received) < 200:
                await asyncio.sleep(0.001)
        assert (stream.headers.get(b"content-encoding") == b"gzip") is packed
        assert stream.headers[b"vary"] == b"accept-encoding"
        read = (
            zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(stream.received) if packed else stream.received
        )
        received[coding] = read.decode().partition("\n\n")[2]  # what follows `retry`
        await hub.stop()
        await stream.task
    assert received["gzip"] == received["br"]
    assert "event: snapshot" in received["gzip"]
