"""The configuration that a process serves, and the same file read again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from service.commands.reloading.links import Linked, with_links
from service.config import Config, ConfigError
from service.config_file import load

TOLD: Final = ("metrics_token", "admin_token", "log")
"""What of it is told by its name alone."""

RELOADED: Final = frozenset({"accounts", *TOLD})
"""What of a `Config` may change while it is served."""


class Source:
    """See the module.

    Args:
        environ: The variables of the process. Nobody can change them from outside: a secret that is read from
            one needs a restart.

    Attributes:
        linked: What is served.
    """

    def __init__(self, linked: Linked, environ: Mapping[str, str]) -> None:
        self.linked = linked
        self._environ = environ

    @property
    def file(self) -> Path | None:
        """The configuration file; None for a configuration from elsewhere, as the demo's."""
        return None if self.linked.config.file is None else Path(self.linked.config.file)

    def read(self) -> Linked:
        """Read the file again.

        Raises:
            ConfigError: It cannot be used, or only by a service that starts.
        """
        if self.file is None:
            raise ConfigError("there is no configuration file to read again")
        linked = with_links(load(self.file, self._environ), self.linked.seed)
        fixed = [field.name for field in dataclasses.fields(Config) if field.name not in RELOADED]
        now, then = self.linked.config, linked.config
        changed = [name for name in fixed if getattr(now, name) != getattr(then, name)]
        if changed:
            raise ConfigError(f"{self.file}: {', '.join(changed)}: restart the service to change this")
        return linked

    def take(self, linked: Linked) -> str:
        """Note that this is served from now on; returns what differs, for the operator."""
        before, self.linked = self.linked.config, linked
        return difference(before, linked.config)


def difference(before: Config, after: Config) -> str:
    """What differs between two configurations, in words. No value of either is named but ids."""
    old = {account.id: account for account in before.accounts}
    new = {account.id: account for account in after.accounts}
    parts = {
        "added": new.keys() - old.keys(),
        "removed": old.keys() - new.keys(),
        "changed": {key for key in new.keys() & old.keys() if new[key] != old[key]},
    }
    told = [f"{word}: {', '.join(sorted(ids))}" for word, ids in parts.items() if ids]
    told += [f"{name} changed" for name in TOLD if getattr(before, name) != getattr(after, name)]
    return "; ".join(told) or "nothing differs"
