"""How many connections and screens fit into a number of file descriptors."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from service.http.descriptors import MAX_CONNECTIONS, RESERVED, raise_limit, shares


@pytest.fixture
def low_limit() -> Iterator[int]:
    """This process' soft limit is low; yields the hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, hard), hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_soft_limit_is_raised_to_the_hard_one(low_limit: int) -> None:
    assert raise_limit() == low_limit
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (low_limit, low_limit)


@pytest.mark.parametrize("limit", [64, 256, 1024, 4096, 1_048_576])
def test_screens_leave_room_for_webhooks_and_both_for_the_database(limit: int) -> None:
    share = shares(limit)
    assert share.connections <= min(MAX_CONNECTIONS, limit - min(RESERVED, limit // 2))
    assert 0 < share.streams <= share.connections * 0.76
    assert share.streams >= share.connections * 0.74
