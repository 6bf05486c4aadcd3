"""`lossboard openapi`: the description of the HTTP interface, for a build that has no server."""

from __future__ import annotations

import click
import msgspec

from service.interface.asyncapi import asyncapi
from service.interface.openapi import openapi


@click.command("openapi")
@click.option("--streams", is_flag=True, help="The streams of events instead, as AsyncAPI 3.0.")
def print_openapi(*, streams: bool) -> None:
    """Print the HTTP interface as OpenAPI 3.1, for programs that make clients."""
    described = asyncapi() if streams else openapi()
    click.echo(msgspec.json.format(msgspec.json.encode(described)))
