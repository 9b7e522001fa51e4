"""Writes the help texts in command-line.md anew, or with --check says whether they are as the command prints them.

A help text stands in a fenced block after a line `<!-- help: WORDS -->`, WORDS being what comes before `--help`.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from pathlib import Path

from blanklogo.cli.app import run
from blanklogo.cli.stop import Stop

PAGE = Path(__file__).with_name("command-line.md")
WIDTH_CHARACTERS = 100
BLOCK = re.compile(r"(<!-- help:(?P<words>[^>]*)-->\n```text\n)(?P<text>.*?)(\n```)", re.DOTALL)


def help_text(words: str) -> str:
    """What `blanklogo WORDS --help` prints on a terminal of the page's width."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        run([*words.split(), "--help"], Stop())
    return printed.getvalue().strip("\n")


def refreshed(page: str) -> str:
    """The page with every help text as the command prints it now."""
    os.environ["COLUMNS"] = str(WIDTH_CHARACTERS)
    return BLOCK.sub(lambda match: match[1] + help_text(match["words"]) + match[4], page)


def main() -> int:
    """0 when the page is, or now is, up to date."""
    page = PAGE.read_text(encoding="utf-8")
    wanted = refreshed(page)
    if "--check" not in sys.argv:
        PAGE.write_text(wanted, encoding="utf-8")
    elif page != wanted:
        print(f"{PAGE.name} is not as the command prints it: make docs", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
