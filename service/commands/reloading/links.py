"""The links to boards that a process makes where the configuration gives an account no viewer token."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Collection
from dataclasses import replace
from typing import NamedTuple
from urllib.parse import urlencode

import click

from service.config import Config, Secret


class Linked(NamedTuple):
    """A configuration in which every account has a viewer token.

    Args:
        links: The parameters of the addresses of boards whose token was made; by account.
        seed: What the tokens were made of.
    """

    config: Config
    links: dict[str, str]
    seed: bytes

    @property
    def ids(self) -> Collection[str]:
        """Those of the accounts."""
        return {account.id for account in self.config.accounts}

    def print_addresses(self, url: str, besides: Collection[str] = ()) -> None:
        """Print where the boards are, and where webhooks go.

        Args:
            besides: Ids of accounts of which that was printed before.
        """
        url = f"{url}{self.config.root_path}"
        told = [account for account in self.config.accounts if account.id not in besides]
        for account in told:
            board = f"{url}/boards/{account.id}{self.links.get(account.id, '')}"
            click.echo(f"{account.title}: {board}; webhooks to {url}/webhooks/{account.id}")
        if any(account.id in self.links for account in told):
            click.echo(
                "A link with a token is good until the service stops; viewer_token makes one that stays."
            )


def with_links(config: Config, seed: bytes | None = None) -> Linked:
    """The configuration, with a token made for each account that has none: anybody who reads what the service
    prints may see its boards, and nobody else.

    Args:
        seed: The same seed makes the same tokens, in every worker and after a reload; None: a new one.
    """
    seed = secrets.token_bytes(32) if seed is None else seed
    links: dict[str, str] = {}
    accounts = []
    for account in config.accounts:
        token = account.viewer_token
        if token is None:
            token = _token(seed, account.id)
            links[account.id] = f"?{urlencode({'token': token.value})}"
        accounts.append(replace(account, viewer_token=token))
    return Linked(replace(config, accounts=tuple(accounts)), links, seed)


def _token(seed: bytes, account_id: str) -> Secret:
    digest = hmac.new(seed, f"viewers of {account_id}".encode(), hashlib.sha256).digest()
    return Secret(base64.urlsafe_b64encode(digest[:24]).decode())
