"""`python -m sobstat`: the same as the command `sobstat`."""

from sobstat.cli import main

main()
