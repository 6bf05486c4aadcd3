"""`lossboard demo`: the service, the simulated CRM's API, and the office that keeps its records there."""

from __future__ import annotations

import asyncio
import socket
import tempfile
from dataclasses import replace
from typing import Final

import click

from service.clock import Clock, SystemClock
from service.commands import operations
from service.commands.options import listening_options, plain_errors
from service.commands.reloading.hangups import Hangups
from service.commands.reloading.links import Linked
from service.commands.reloading.reloads import Reloads
from service.commands.reloading.source import Source
from service.commands.serving import make_ready, serve_until_signal
from service.config_file import parse
from service.demo.postman import DeliveryError
from service.demo.run import ACCOUNT, CRMS, EXAMPLES_SECONDS, Simulation
from service.http.listening import listen
from service.http.server import Companion, address

_LOOPBACK: Final = "127.0.0.1"
_EVERY_ADDRESS: Final = {"0.0.0.0": _LOOPBACK, "::": "::1", "": _LOOPBACK}  # noqa: S104 - told, not bound
_ELSEWHERE: Final = ("192.0.2.1", 9)  # an address of documentation (RFC 5737): nothing is ever sent there


@click.command()
@listening_options
@click.option("--crm", default="amocrm", show_default=True, type=click.Choice(list(CRMS)))
@click.option("--still", is_flag=True, help="Post the worked examples, then leave the office quiet.")
@click.option(
    "--examples",
    "examples_seconds",
    default=EXAMPLES_SECONDS,
    show_default=True,
    type=click.IntRange(0),
    help="Seconds that the worked examples stand before the office goes on.",
)
@click.option("--database-url", default=None, help="An empty database (default: a temporary SQLite file).")
def demo(
    host: str, port: int, crm: str, still: bool, examples_seconds: int, database_url: str | None
) -> None:
    """Serve a simulated sales office, whose CRM posts webhooks in its vendor's format."""
    with plain_errors(), tempfile.TemporaryDirectory(prefix="lossboard-demo-") as folder:
        url = database_url or f"sqlite:///{folder}/demo.db"
        standing = None if still else examples_seconds
        serve_demo(crm, url, SystemClock(), host, port, examples_seconds=standing)


def serve_demo(
    kind: str, database_url: str, clock: Clock, host: str, port: int, *, examples_seconds: float | None
) -> None:
    """Serve the demo until a signal to stop.

    Args:
        kind: The kind of the simulated CRM.
        database_url: An empty database: every run uses the same ids.
        examples_seconds: As in `Simulation`.

    Raises:
        CannotListen: The port is taken, or the address is not ours.
    """
    with listen(host, port) as listening, listen(_LOOPBACK, 0) as for_crm:
        simulation = Simulation(kind, clock, examples_seconds)
        account = simulation.account(address(_LOOPBACK, for_crm))
        config = parse({"database_url": database_url, "accounts": [account]}, {})
        config = replace(config, accounts=tuple(replace(known, invented=True) for known in config.accounts))
        with operations.alone(config):
            make_ready(config, clock, lambda _config, _account: None)
            operations.know_from(config, ACCOUNT, simulation.told_from)
            reloads = Reloads(Source(Linked(config, {}, b""), {}), Hangups.of_process())
            asyncio.run(_serve(reloads, clock, host, listening, simulation, for_crm))


async def _serve(
    reloads: Reloads,
    clock: Clock,
    host: str,
    listening: socket.socket,
    simulation: Simulation,
    for_crm: socket.socket,
) -> None:
    tasks: list[asyncio.Task[None]] = []

    def started(_url: str) -> None:
        click.echo(announcement(host, listening.getsockname()[1], network_address()))
        local = address(_EVERY_ADDRESS.get(host, host), listening)
        tasks.append(asyncio.create_task(_play(simulation, local)))

    api = Companion(simulation.crm.app, _LOOPBACK, 0, lambda: None, lambda _url: None)
    tasks.append(asyncio.create_task(api.serve(sockets=[for_crm])))
    await serve_until_signal(reloads, clock, host, listening, started, simulation.tell)
    api.stop()
    for task in tasks[1:]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _play(simulation: Simulation, url: str) -> None:
    try:
        await simulation.play(url)
    except* DeliveryError as errors:
        click.echo(f"The demo's office has stopped: {errors.exceptions[0]}", err=True)


def announcement(host: str, port: int, network: str | None) -> str:
    """What the demo prints as it starts: where to look, how to stop, how to take another port.

    Args:
        host: The address that the service listens on.
        network: The machine's own address in its network; None if it is in none.
    """
    board = f"{_url(_EVERY_ADDRESS.get(host, host), port)}/boards/{ACCOUNT}"
    reached = network if host in _EVERY_ADDRESS else None if _is_loopback(host) else host
    if reached is not None:
        phone = f"{_url(reached, port)}/boards/{ACCOUNT}  (in the same network)"
    elif host in _EVERY_ADDRESS:
        phone = "this machine is in no network that a phone could share"
    else:
        phone = f"only this machine reaches {host}: for a phone, start with --host 0.0.0.0"
    other = port + 1 if port < 65_535 else port - 1
    lines = (
        f"Board:   {board}",
        f"Wall:    {board}?mode=wall",
        f"Phone:   {phone}",
        f'Stop:    Ctrl+C.  Another port: --port {other}  (make demo ARGS="--port {other}")',
    )
    return "\n".join(("", *(f"    {line}" for line in lines), ""))


def network_address() -> str | None:
    """The address by which others in its network reach this machine; None if it is in none. Sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(_ELSEWHERE)
        except OSError:
            return None
        own: str = asking.getsockname()[0]
    return None if _is_loopback(own) else own


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
