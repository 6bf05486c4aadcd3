"""Commands that are imported when they are asked for: most of a command's start is what it imports."""

from __future__ import annotations

from importlib import import_module

import click

from service.commands.reloading.hangups import Hangups


class Deferred(click.Command):
    """Stands for a command in the list of its group until it is asked for.

    Args:
        target: Where the command is below this package, as `module:name`.
        summary: The first sentence of its help.
        serves: SIGHUP does not end it, from before it is imported.
    """

    def __init__(self, name: str, target: str, summary: str, *, serves: bool = False) -> None:
        super().__init__(name, help=summary)
        self._serves = serves
        module, _, self._name = target.partition(":")
        self.module = f"{__package__}.{module}"

    def load(self) -> click.Command:
        """Import the command."""
        if self._serves:
            Hangups.of_process()
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
