"""Server-sent events, taken out of bytes as they come (WHATWG HTML, 9.2.6, Interpreting an event stream)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from blanklogo.errors import UnavailableError

_LINE_END = re.compile(rb"\r\n|\n|\r")
_MAX_BYTES = 16 << 20  # of one event; a job's report takes a thousandth of it


@dataclass(frozen=True)
class ServerEvent:
    """One event.

    Attributes:
        id: the last one that was said, to go on from; "" before any.
    """

    name: str
    data: str
    id: str = ""


class EventReader:
    """Holds what is not a whole event yet."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[str] = []
        self._name = ""
        self._id = ""

    def feed(self, piece: bytes) -> Iterator[ServerEvent]:
        """The events that end in this piece. Raises UnavailableError: one without an end."""
        self._rest += piece
        if len(self._rest) > _MAX_BYTES:
            raise UnavailableError("an event stream with a line that does not end")
        lines = _LINE_END.split(self._rest)
        # A carriage return at the end may be half of a line's end.
        keep = lines.pop() if not self._rest.endswith(b"\r") else _last_line(self._rest, lines)
        self._rest = keep
        for line in lines:
            event = self._line(line.decode("utf-8", "replace"))
            if event is not None:
                yield event

    def _line(self, line: str) -> ServerEvent | None:
        if not line:
            return self._ended()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._name = value
        elif name == "id" and "\0" not in value:
            self._id = value
        return None

    def _ended(self) -> ServerEvent | None:
        name, data = self._name, self._data
        self._name, self._data = "", []
        return ServerEvent(name or "message", "\n".join(data), self._id) if data else None


def _last_line(text: bytes, lines: list[bytes]) -> bytes:
    """The last line with its carriage return, which is to be looked at again with what follows."""
    lines.pop()
    return lines.pop() + b"\r" if lines else text
