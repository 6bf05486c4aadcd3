"""`python -m service` is the command `lossboard`."""

from service.commands.cli import main

main()
