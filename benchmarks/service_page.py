"""benchmarks/SERVICE.md, of which each benchmark of the service writes the part that is between its two marks."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).with_name("SERVICE.md")
_HEAD = "# The service's figures\n"


def write_part(name: str, text: str, page: Path = PAGE) -> None:
    """Puts the text in place of what the part was, or at the page's end."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    part = f"{begin}\n{text.strip()}\n{end}"
    before = page.read_text(encoding="utf-8") if page.exists() else _HEAD
    is_there = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    after = is_there.sub(lambda _: part, before) if is_there.search(before) else f"{before.rstrip()}\n\n{part}\n"
    page.write_text(after, encoding="utf-8")
