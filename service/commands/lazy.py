"""Commands that are imported when they are asked for: most of a command's start is what it imports."""

from __future__ import annotations

from importlib import import_module

import click


class Deferred(click.Command):
    """Stands for a command in the list of its group until it is asked for.

    Args:
        target: Where the command is below this package, as `module:name`.
        summary: The first sentence of its help.
    """

    def __init__(self, name: str, target: str, summary: str) -> None:
        super().__init__(name, help=summary)
        module, _, self._name = target.partition(":")
        self.module = f"{__package__}.{module}"

    def load(self) -> click.Command:
        """Import the command."""
        command: click.Command = getattr(import_module(self.module), self._name)
        return command


class LazyGroup(click.Group):
    """A group that imports a command when it is asked for. Its help and its completion import none."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments begin with, imported."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.load() if isinstance(command, Deferred) else command, rest
