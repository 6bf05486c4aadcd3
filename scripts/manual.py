"""Write docs/lossboard.1, the manual page, from the commands themselves: `python -m scripts.manual`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from service.commands.cli import DEFERRED, main

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "lossboard.1"

END: Final = r"""
.SH EXIT STATUS
.TP
0
Done, and nothing is wrong.
.TP
1
The command could not do it, and says why in one line; or it found something.
.TP
2
There is no such command or option.
.TP
66
The database's file is not at its path.
.SH FILES
.TP
lossboard.toml
The configuration, in the folder that the command runs in.
.SH ENVIRONMENT
.TP
LOSSBOARD_DATABASE_URL
Overrides database_url.
""".strip()


def text() -> str:
    """The page, in roff."""
    lines = [
        '.TH LOSSBOARD 1 "" "" "Lossboard"',
        ".SH NAME",
        rf"lossboard \- {_roff(str(main.help).rstrip('.'))}",
        ".SH SYNOPSIS",
        r".B lossboard",
        r"COMMAND [\-\-config FILE] ...",
        ".SH COMMANDS",
    ]
    for deferred in DEFERRED:
        lines += _described(f"lossboard {deferred.name}", deferred.load())
    return "\n".join([*lines, END, ""])


def _described(name: str, command: click.Command) -> Iterator[str]:
    """A command with its options, or the commands of a group."""
    if isinstance(command, click.Group):
        for part, inner in command.commands.items():
            yield from _described(f"{name} {part}", inner)
        return
    # As it is run: the options for help are those of the whole program.
    context = click.Context(command, click.Context(main, **main.context_settings), info_name=name)
    yield f".SS {_roff(' '.join([name, *command.collect_usage_pieces(context)]))}"
    yield _roff(" ".join(str(command.help).split()))
    for option in command.get_params(context):
        record = option.get_help_record(context)
        if record is not None:
            # click makes a command's help option once, by the names of the first context that asks for it.
            is_help = option is command.get_help_option(context)
            names = ", ".join(context.help_option_names) if is_help else record[0]
            yield from (".TP", _roff(names), _roff(" ".join(record[1].split())))


def _roff(text: str) -> str:
    """Text as roff prints it: no line of it is a request."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{escaped}" if escaped.startswith((".", "'")) else escaped


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
