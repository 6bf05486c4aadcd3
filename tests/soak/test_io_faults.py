"""Some of the calls that SQLite makes fail (`make soak`: every one)."""

from __future__ import annotations

from tests.soak import io_faults


def test_a_call_that_fails_loses_nothing_and_the_service_recovers() -> None:
    counts = io_faults.run(1, 0.011)
    for phase in ("migrating", "serving", "stopping"):
        assert int(counts[f"{phase}: calls that failed"]) > 0
    assert int(counts["answers 503"]) > 0
