"""The command line: which commands there are. Each is imported when it is asked for."""

from __future__ import annotations

import logging
from typing import Final

import click

from service.commands.lazy import Deferred, LazyGroup

DEFERRED: Final = (
    Deferred(
        "init",
        "connecting.commands:init",
        "Write a configuration, and say what to do in the CRM.",
    ),
    Deferred("serve", "serving:serve", "Receive webhooks and serve the boards.", serves=True),
    Deferred("reload", "reloading.command:reload", "Have the running service read its configuration again."),
    Deferred("demo", "demo:demo", "Serve a simulated sales office.", serves=True),
    Deferred("check-config", "check_config:check_config", "Check the configuration and print each account."),
    Deferred("migrate", "database:migrate", "Bring the database's schema up to date."),
    Deferred(
        "send-test",
        "connecting.commands:send_test",
        "Post invented events, and take them back.",
    ),
    Deferred("sync", "crm.commands:sync", "Load what the CRM already has."),
    Deferred("subscribe", "crm.commands:subscribe", "Register the webhook with the CRM."),
    Deferred("import", "crm.commands:import_file", "Import a CSV file of deals or tasks."),
    Deferred("tail", "connecting.commands:tail", "Follow deliveries and what each one changed."),
    Deferred("quarantine", "deliveries:quarantine", "Deliveries that could not be decoded or applied."),
    Deferred("screens", "screens:screens", "Named screens: devices with a link of their own."),
    Deferred("verify", "figures:verify", "Recompute everything and compare it with the database."),
    Deferred("rebuild", "figures:rebuild", "Recompute the figures from state."),
    Deferred("backup", "database:backup", "Write a checked copy of the SQLite database."),
    Deferred("restore", "database:restore", "Put the copy FILE in the place of the SQLite database."),
    Deferred(
        "move-to",
        "database:move_to",
        "Copy everything from the SQLite database into an empty PostgreSQL database.",
    ),
    Deferred("check-database", "database:check_database", "Check every page, index and row of the database."),
    Deferred("forget", "people:forget", "Delete a client's names and texts, everywhere."),
    Deferred("openapi", "openapi:print_openapi", "Print the HTTP interface as OpenAPI 3.1."),
    Deferred("purge", "people:purge", "Delete everything that the database holds of an account."),
)
"""Every command, in the order in which an operator meets them."""


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lossboard")
def main() -> None:
    """Where a sales office loses its money, live on its wall."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)


for _command in DEFERRED:
    main.add_command(_command)
