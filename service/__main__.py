"""`python -m service` is the command `lossboard`."""

from service.cli import main

main()
