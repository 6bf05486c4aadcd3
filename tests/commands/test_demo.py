"""What the demo prints as it starts, and what a taken port gets."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner

from service.commands.cli import main
from service.commands.demo import announcement
from service.http.listening import CannotListen, listen

LOCAL = "http://127.0.0.1:8000/boards/demo"


def test_the_demo_prints_where_to_look_how_to_stop_and_how_to_take_another_port() -> None:
    said = announcement("127.0.0.1", 8000, "192.168.1.5")
    assert f"Board:   {LOCAL}\n" in said
    assert f"Wall:    {LOCAL}?mode=wall\n" in said
    assert "only this machine reaches 127.0.0.1: for a phone, start with --host 0.0.0.0" in said
    assert "192.168.1.5" not in said
    assert "Ctrl+C" in said
    assert '--port 8001  (make demo ARGS="--port 8001")' in said


@pytest.mark.parametrize(
    ("host", "network", "local", "phone"),
    [
        ("0.0.0.0", "192.168.1.5", "127.0.0.1", "http://192.168.1.5:8000/boards/demo  (in the same"),
        ("::", "192.168.1.5", "[::1]", "http://192.168.1.5:8000/boards/demo  (in the same"),
        ("0.0.0.0", None, "127.0.0.1", "this machine is in no network"),
        ("192.168.1.5", "10.0.0.7", "192.168.1.5", "http://192.168.1.5:8000/boards/demo  (in the same"),
        ("localhost", "192.168.1.5", "localhost", "only this machine reaches localhost"),
    ],
)
def test_a_phone_is_told_an_address_only_where_the_demo_listens_for_it(
    host: str, network: str | None, local: str, phone: str
) -> None:
    said = announcement(host, 8000, network)
    assert f"Board:   http://{local}:8000/boards/demo\n" in said
    assert f"Phone:   {phone}" in said


def test_a_taken_port_is_one_line_that_names_the_next_free_one() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        done = CliRunner().invoke(main, ["demo", "--port", str(port)])
    assert done.exit_code == 1
    said = re.fullmatch(
        rf"Error: port {port} of 127\.0\.0\.1 is taken by another program; the next free one: --port (\d+)\n",
        done.output,
    )
    assert said is not None, done.output
    with listen("127.0.0.1", int(said[1])):
        assert int(said[1]) > port


def test_an_address_of_another_machine_is_one_line() -> None:
    with pytest.raises(CannotListen, match=r"^cannot listen on 192\.0\.2\.1, port 8000: Cannot assign"):
        listen("192.0.2.1", 8000)
