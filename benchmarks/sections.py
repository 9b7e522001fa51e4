"""benchmarks/SERVICE.md, a section for each benchmark, which replaces its own and leaves the others."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

from benchmarks.table import machine

PAGE = Path(__file__).with_name("SERVICE.md")
_HEAD = "# The service's figures\n"


def put_section(title: str, text: str) -> None:
    """Writes the section with this title, with the date and the machine under it."""
    section = f"\n## {title}\n\nOn {date.today().isoformat()}. {machine()}\n\n{text.rstrip()}\n"
    page = PAGE.read_text() if PAGE.exists() else _HEAD
    old = re.compile(rf"\n## {re.escape(title)}\n.*?(?=\n## |\Z)", re.DOTALL)
    PAGE.write_text(old.sub(lambda _: section, page) if old.search(page) else page.rstrip("\n") + "\n" + section)
