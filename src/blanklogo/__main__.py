"""`python -m blanklogo` is the command."""

from blanklogo.cli import main

main()
