"""Traces: a request leads to its commit, and a commit to the frame that shows it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from service.app import create_app
from service.clock import SystemClock
from service.commands import operations, serving
from service.config import Log
from service.config_file import parse
from service.http.server import Companion
from service.ledger.database import schema
from service.ledger.database.database import Database
from service.ledger.write.writer import Writer
from service.live.stream.turns import Turns
from service.model import Change, Decoded, Delivery
from service.telemetry import logs, tracing
from service.telemetry.spans import Traces, present
from tests.adapters.posts import signed
from tests.histories import at
from tests.ledger.offices import OFFICE as ACCOUNT
from tests.ledger.offices import Ledger

NOW = at("2026-11-23T12:00:00+03:00")
SECRET = "whsec_" + "A" * 32
VIEWER = "a-viewer-of-the-board"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OFFICE = {
    "id": "office",
    "title": "office",
    "crm": "standard",
    "webhook_secret": SECRET,
    "timezone": "Europe/Moscow",
    "currency": "RUB",
    "viewer_token": VIEWER,
}
LOST = '{"type":"deal.changed","timestamp":"2026-11-23T09:00:00Z","data":{"id":"42","status":"lost"}}'


def links(span: ReadableSpan) -> set[int]:
    """The spans that a span leads back to."""
    return {link.context.span_id for link in span.links}


def number(span: ReadableSpan) -> int:
    context = span.get_span_context()
    assert context is not None
    return context.span_id


def told_in(span: ReadableSpan, lines: Sequence[logging.LogRecord]) -> list[str]:
    """The lines that lead to a span."""
    context = span.get_span_context()
    assert context is not None
    ids = f"{context.trace_id:032x}", f"{context.span_id:016x}"
    return [
        line.getMessage() for line in lines if (vars(line).get("trace_id"), vars(line).get("span_id")) == ids
    ]


async def test_a_request_leads_to_its_commit_and_that_to_its_frame_and_nothing_secret_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    logs.add(present)
    caplog.set_level(logging.DEBUG, "service")
    config = parse({"database_url": f"sqlite:///{tmp_path}/lossboard.db", "accounts": [OFFICE]}, {})
    schema.migrate(config.database_url)
    database = Database(config.database_url)
    operations.prepare(database, config, SystemClock())
    database.close()
    exporter, spans = InMemorySpanExporter(), TracerProvider()
    spans.add_span_processor(SimpleSpanProcessor(exporter))
    traces = Traces(spans)
    service = create_app(config, SystemClock(), tracing=traces)
    url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    server = Companion(traces.around(service.app), "127.0.0.1", 0, service.hub.close, url.set_result)
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(20), httpx.AsyncClient(base_url=await url, trust_env=False) as client:
        board = client.stream("GET", "/boards/office/events", headers={"authorization": f"Bearer {VIEWER}"})
        async with board as stream:
            lines = stream.aiter_lines()
            await anext(lines)
            headers = {"content-type": "application/json", "traceparent": PARENT}
            headers |= signed(LOST, "m1", SystemClock().now(), SECRET)
            taken = await client.post("/webhooks/office", content=LOST, headers=headers)
            headers["webhook-signature"] = "v1,wrong"
            refused = await client.post(f"/webhooks/office?token={SECRET}", content=LOST, headers=headers)
            unknown = await client.post(f"/webhooks/{SECRET}")
            while not any(span.name == "frame" for span in exporter.get_finished_spans()):
                await asyncio.sleep(0.01)
    server.stop()
    await task
    told = exporter.get_finished_spans()
    requests = {
        span.attributes["lossboard.delivery"]: span
        for span in told
        if span.attributes and span.name == "POST /webhooks/{account}"
    }
    assert set(requests) == {answer.headers["lossboard-delivery"] for answer in (taken, refused, unknown)}
    first = requests["office/1"]
    assert first.parent is not None
    assert f"{first.parent.trace_id:032x}" == PARENT.split("-")[1]
    statuses = {span.attributes["http.response.status_code"] for span in requests.values() if span.attributes}
    assert statuses == {200, 401, 404}
    assert told_in(first, caplog.records) == ["office/1: applied at seq 1"]
    commit = next(span for span in told if span.name == "commit" and number(first) in links(span))
    frame = next(span for span in told if span.name == "frame")
    assert number(commit) in links(frame)
    assert told_in(frame, caplog.records) == ["office: seq 1 to 1 streams"]
    assert traces._requests == {}
    everything = "".join(span.to_json() for span in told)
    assert SECRET not in everything
    assert VIEWER not in everything


async def test_what_a_commit_and_a_boards_thread_log_leads_to_the_span_and_nothing_does_without_traces(
    sqlite_ledgers: Callable[[], str], capsys: pytest.CaptureFixture[str]
) -> None:
    exporter, spans = InMemorySpanExporter(), TracerProvider()
    spans.add_span_processor(SimpleSpanProcessor(exporter))
    url = sqlite_ledgers()
    logs.set_up(Log(format="json"))
    too_large = Change("deal", "1", NOW, {"known": True, "status": "lost", "amount": 2**70})
    with closing(Ledger(url, NOW)) as ledger:
        for key in ("untraced", "traced"):
            traces = Traces(spans)
            writer = Writer(ledger.database, {"office": ACCOUNT}, ledger.clock, tracing=traces)
            writer.start()
            await writer.submit(Delivery("office", NOW, {}, b"raw", Decoded(key, (too_large,))))
            await writer.stop()
            logs.add(present)
    turns, log = Turns("boards", 1, 1), logging.getLogger("service.live")
    with traces.showing("office"):
        await turns.run("office", "board", lambda: log.warning("in a board's thread"))
    turns.stop()
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    batch, failed = (
        "a batch of 1 deliveries failed; trying each by itself",
        "is in quarantine: StatementError",
    )
    wanted = [batch, f"office/1 {failed}", batch, f"office/2 {failed}", "in a board's thread"]
    assert [line["message"] for line in lines] == wanted
    assert not any("trace_id" in line or "span_id" in line for line in lines[:2])
    _, commit, frame = exporter.get_finished_spans()
    for line, span in zip(lines[2:], (commit, commit, frame), strict=True):
        assert int(line["span_id"], 16) == number(span)
        assert len(line["trace_id"]) == 32


def test_traces_are_wanted_if_the_environment_says_where_to(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}
    assert tracing.is_wanted(there)
    assert tracing.is_wanted({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"})
    assert not tracing.is_wanted({})
    assert not tracing.is_wanted({**there, "OTEL_SDK_DISABLED": "true"})
    monkeypatch.setattr(tracing, "_LIBRARIES", ("opentelemetry.sdk", "no_such_library.exporter"))
    assert not tracing.is_wanted({})
    with pytest.raises(tracing.NotInstalled, match=r"ENDPOINT is set; .* pip install 'lossboard\[otel\]'"):
        tracing.is_wanted(there)


def test_serve_sends_traces_only_if_they_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    config = parse({"accounts": [OFFICE]}, {})
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    assert serving._traces(config) is None
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    traces = serving._traces(config)
    assert isinstance(traces, Traces)
    with traces._tracer.start_as_current_span("one"):
        record = logging.getLogRecordFactory()("service", logging.INFO, "", 0, "", (), None)
    assert "trace_id" in vars(record)
    traces._spans.shutdown()
