"""Values of the configuration that stand elsewhere: `env:NAME` in a variable of the environment, or in the
file that the variable NAME_FILE names; `file:PATH` in a file. So containers and service managers hand secrets
over."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from service.config import ConfigError

SECRETS: Final = frozenset({"webhook_secret", "viewer_token", "metrics_token", "admin_token", "token"})
"""The keys of the configuration that hold a secret."""

ABSENT: Final = "a secret that is not set"
"""Stands for a secret that is not set, for a command that needs none."""


def resolved(raw: Mapping[str, object], environ: Mapping[str, str], *, secrets: bool) -> dict[str, object]:
    """The configuration with what its references stand for.

    Args:
        secrets: Whether secrets are needed. If not, one that is not set is `ABSENT`.

    Raises:
        ConfigError: Something that is needed is not set; the text names all of it.
    """
    missing: list[str] = []

    def value_of(value: object, key: str, name: str) -> object:
        if isinstance(value, dict):
            return {inner: value_of(one, f"{key}.{inner}".lstrip("."), inner) for inner, one in value.items()}
        if isinstance(value, list):
            return [value_of(one, f"{key}[{index}]", name) for index, one in enumerate(value)]
        if not isinstance(value, str) or not value.startswith(("env:", "file:")):
            return value
        try:
            return from_environment(value[4:], environ) if value.startswith("env:") else _content(value[5:])
        except ConfigError as error:
            if secrets or name not in SECRETS:
                missing.append(f"{key}: {error}")
            return ABSENT

    values = {name: value_of(value, name, name) for name, value in raw.items()}
    if missing:
        raise ConfigError("; ".join(missing))
    return values


def from_environment(name: str, environ: Mapping[str, str]) -> str:
    """The value of a variable, or what the file holds that the variable NAME_FILE names. Raises
    `ConfigError`."""
    if value := environ.get(name):
        return value
    if path := environ.get(f"{name}_FILE"):
        return _content(path)
    raise ConfigError(f"the environment variable {name} is not set")


def _content(path: str) -> str:
    """What a file holds, without the line break at its end. Raises `ConfigError`."""
    try:
        text = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the file {path} cannot be read: {getattr(error, 'strerror', error)}") from None
    if not text:
        raise ConfigError(f"the file {path} is empty")
    return text
