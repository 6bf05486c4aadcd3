"""A configuration that is read again while it is served: what may change, and who asks for it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.commands.reloading import control
from service.commands.reloading.control import ControlSocket, NotReloaded, answer, ask
from service.commands.reloading.hangups import Hangups
from service.commands.reloading.links import with_links
from service.commands.reloading.source import Source
from service.config import ConfigError
from service.config_file import load

ACCOUNT = """
[[accounts]]
id = "office"
title = "Office"
crm = "standard"
webhook_secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
timezone = "Europe/Moscow"
currency = "RUB"
"""
OTHER = ACCOUNT.replace('"office"', '"other"')


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "lossboard.toml"
    path.write_text(ACCOUNT)
    return path


@pytest.fixture
def source(file: Path) -> Source:
    return Source(with_links(load(file, {})), {})


@pytest.fixture
def sighup() -> Iterator[None]:
    """What the signal does to the other tests."""
    before = signal.getsignal(signal.SIGHUP)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (ACCOUNT, "nothing differs"),
        (ACCOUNT + OTHER, "added: other"),
        (OTHER, "added: other; removed: office"),
        (ACCOUNT.replace("Moscow", "Samara"), "changed: office"),
        ('metrics_token = "long-and-hard-to-guess"\n' + ACCOUNT, "metrics_token changed"),
    ],
)
def test_what_differs_is_told(file: Path, source: Source, content: str, told: str) -> None:
    file.write_text(content)
    assert source.take(source.read()) == told
    assert source.take(source.read()) == "nothing differs"


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ('keep_bodies_days = 3\nroot_path = "/x"\n' + ACCOUNT, "keep_bodies_days, root_path: restart"),
        ('database_url = "sqlite:///else.db"\n' + ACCOUNT, "database_url: restart"),
        (ACCOUNT.replace("RUB", "rouble"), "currency"),
        ("[[accounts]", "lossboard.toml"),
        (ACCOUNT.replace('"Office"', '"env:NOT_SET"'), "NOT_SET"),
    ],
)
def test_what_cannot_be_used_or_needs_a_restart_is_an_error(
    file: Path, source: Source, content: str, error: str
) -> None:
    served = source.linked
    file.write_text(content)
    with pytest.raises(ConfigError, match=error):
        source.read()
    assert source.linked is served


def test_a_secret_that_stands_in_a_file_is_read_again(file: Path, tmp_path: Path) -> None:
    secret = tmp_path / "office.secret"
    secret.write_text("whsec_" + "A" * 32)
    file.write_text(ACCOUNT.replace("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", f"file:{secret}"))
    source = Source(with_links(load(file, {})), {})
    secret.write_text("whsec_" + "B" * 32)
    assert source.take(source.read()) == "changed: office"


def test_without_a_file_there_is_nothing_to_read(source: Source) -> None:
    config = source.linked.config
    with pytest.raises(ConfigError, match="no configuration file"):
        Source(with_links(config.__class__(config.database_url, config.accounts)), {}).read()


def test_links_that_were_printed_stay_good_and_differ_at_each_start(file: Path, source: Source) -> None:
    file.write_text(ACCOUNT + OTHER)
    links = source.linked.links
    assert source.read().links["office"] == links["office"]
    assert source.read().links["other"] == source.read().links["other"] != links["office"]
    assert with_links(load(file, {})).links["office"] != links["office"]


@pytest.mark.usefixtures("sighup")
def test_a_signal_is_noted_before_anybody_listens() -> None:
    hangups, heard = Hangups.of_process(), []
    os.kill(os.getpid(), signal.SIGHUP)
    assert Hangups.of_process() is hangups
    hangups.listen(lambda: heard.append("first"))
    assert heard == ["first"]
    os.kill(os.getpid(), signal.SIGHUP)
    assert heard == ["first", "first"]
    hangups.listen(None)
    os.kill(os.getpid(), signal.SIGHUP)
    assert heard == ["first", "first"]
    assert [hangups.take(), hangups.take()] == [True, False]


@pytest.mark.usefixtures("sighup")
@pytest.mark.parametrize("done", [True, False])
def test_who_asks_hears_the_outcome(file: Path, *, done: bool) -> None:
    serving = ControlSocket(file)
    came = threading.Event()
    Hangups.of_process().listen(came.set)

    def serve() -> None:
        came.wait(20)
        answer(serving.waiting(), "added: Новый", done=done)

    thread = threading.Thread(target=serve)
    thread.start()
    if done:
        assert list(ask(file)) == [(os.getpid(), "added: Новый")]
    else:
        with pytest.raises(NotReloaded, match="added: Новый"):
            list(ask(file))
    thread.join()
    serving.close()


@pytest.mark.usefixtures("sighup")
def test_each_process_that_serves_the_file_is_found_and_no_other(file: Path, tmp_path: Path) -> None:
    Hangups.of_process()
    with pytest.raises(NotReloaded, match="no process of this machine serves"):
        list(ask(file))
    serving = [ControlSocket(file), ControlSocket(file), ControlSocket(tmp_path / "other.toml")]
    callers = [control._connected(file, number) for number in range(control.PROCESSES)]
    waiting = [one.waiting() for one in serving]
    assert [len(found) for found in waiting] == [1, 1, 0]
    for sockets in [*waiting, [caller for caller in callers if caller is not None]]:
        answer(sockets, "", done=True)
    for one in serving:
        one.close()
    with pytest.raises(NotReloaded):
        list(ask(file))
