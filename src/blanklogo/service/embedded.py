"""A JSON body with a file in it as base64, taken apart as it comes: the file's bytes go into a sink, the rest is kept.

No parser of JSON gives a long string in pieces, so where the member's text begins and ends is found here, by RFC 8259:
everything between is base64, in which nothing but a slash may be escaped. The rest, with the text's first characters
in its place, is for a real parser to judge.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from enum import Enum, auto

from blanklogo.errors import OptionError, TooLargeError
from blanklogo.service.problems import unfit

_MAX_REST_BYTES = 1_000_000
_STAND_IN_BYTES = 4  # of the text that stay in its place, so that a parser sees whether there was any
_MAX_PREFIX_BYTES = 300  # of a data: URL before its bytes
_PLAIN = re.compile(rb'[^"\\{}\[\],:]+')
_PREFIX = re.compile(rb"data:[^,]*;base64,")


class _Place(Enum):
    BETWEEN = auto()  # any two strings
    KEY = auto()
    VALUE = auto()
    FILE = auto()


class Embedded:
    """Takes a body apart.

    Args:
        member: of the outermost object, whose text is a file.
        write: takes the file's bytes, piece by piece.
    """

    def __init__(self, member: str, write: Callable[[bytes], object]) -> None:
        self._member = member
        self._text = _Base64(write, member)
        self._rest = bytearray()
        self._place, self._depth = _Place.BETWEEN, 0
        self._is_key_next, self._is_escaped = False, False
        self._key, self._string = "", bytearray()
        self._has_file = False

    def feed(self, piece: bytes) -> None:
        """More of the body.

        Raises:
            RequestValidationError: what should be base64 is none, or comes twice.
            TooLargeError: the rest is large.
        """
        at = 0
        while at < len(piece):
            if self._place is _Place.BETWEEN:
                at = self._between(piece, at)
            elif self._place is _Place.FILE:
                at = self._in_file(piece, at)
            else:
                at = self._in_string(piece, at)

    def rest(self) -> bytes:
        """The body without the file, when all of it has come."""
        return bytes(self._rest)

    def _between(self, piece: bytes, at: int) -> int:
        if plain := _PLAIN.match(piece, at):
            self._keep(plain[0])
            return plain.end()
        mark = piece[at : at + 1]
        if mark == b'"':
            self._begin_string()
        elif mark in b"{[":
            self._depth += 1
            self._is_key_next = mark == b"{"
        elif mark in b"}]":
            self._depth -= 1
        elif mark in b",:":
            self._is_key_next = mark == b","
        self._keep(mark)
        return at + 1

    def _begin_string(self) -> None:
        is_key = self._depth == 1 and self._is_key_next
        is_file = self._depth == 1 and not is_key and self._key == self._member
        if is_file and self._has_file:
            raise _no_base64(self._member, "twice")
        self._has_file |= is_file
        self._place = _Place.FILE if is_file else _Place.KEY if is_key else _Place.VALUE
        self._string.clear()

    def _in_string(self, piece: bytes, at: int) -> int:
        """To the next quote or backslash, or over the character that one escapes."""
        if self._is_escaped:
            end, self._is_escaped = at + 1, False
        else:
            end = _next(piece, at)
            mark = piece[end : end + 1]
            self._is_escaped = mark == b"\\"
            if mark == b'"':
                self._end_string(piece[at:end])
            end = min(end + 1, len(piece))
        self._keep(piece[at:end])
        return end

    def _end_string(self, last: bytes) -> None:
        if self._place is _Place.KEY:
            self._key = _told(bytes(self._string) + last)
        self._place = _Place.BETWEEN

    def _in_file(self, piece: bytes, at: int) -> int:
        if self._is_escaped:
            if piece[at : at + 1] != b"/":
                raise _no_base64(self._member)
            self._text.feed(b"/")
            self._is_escaped = False
            return at + 1
        end = _next(piece, at)
        self._text.feed(piece[at:end])
        mark = piece[end : end + 1]
        self._is_escaped = mark == b"\\"
        if mark == b'"':
            self._keep(self._text.end() + mark)
            self._place = _Place.BETWEEN
        return min(end + 1, len(piece))

    def _keep(self, text: bytes) -> None:
        if self._place is _Place.KEY:
            self._string += text
        self._rest += text
        if len(self._rest) > _MAX_REST_BYTES:
            accepted = f"up to {_MAX_REST_BYTES // 1_000_000} MB beside {self._member}"
            raise TooLargeError("a body over its limit", accepted=accepted)


class _Base64:
    """Decodes a text as it comes, after a data: URL's prefix or without one."""

    def __init__(self, write: Callable[[bytes], object], member: str) -> None:
        self._write = write
        self._member = member
        self._held = bytearray()
        self._first: bytes | None = None
        self._is_padded = False

    def feed(self, text: bytes) -> None:
        self._held += text
        if self._first is None and not self._begin():
            return
        self._decode(len(self._held) // 4 * 4)

    def end(self) -> bytes:
        """The text's first characters, when all of it has come."""
        if self._first is None:
            self._first = bytes(self._held[:_STAND_IN_BYTES])
        self._decode(len(self._held))
        return self._first

    def _begin(self) -> bool:
        """Whether enough has come to say where the base64 begins; what is before it is dropped then."""
        may_have_prefix = self._held[:5] == b"data:"[: len(self._held)]
        prefix = _PREFIX.match(self._held)
        if may_have_prefix and prefix is None and len(self._held) < _MAX_PREFIX_BYTES:
            return False
        begin = prefix.end() if prefix else 0
        if len(self._held) < begin + _STAND_IN_BYTES:
            return False
        del self._held[:begin]
        self._first = bytes(self._held[:_STAND_IN_BYTES])
        return True

    def _decode(self, num_bytes: int) -> None:
        text = bytes(self._held[:num_bytes])
        del self._held[:num_bytes]
        if not text:
            return
        try:
            data = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise _no_base64(self._member) from None
        if self._is_padded:  # and nothing comes after padding
            raise _no_base64(self._member)
        self._is_padded = text.endswith(b"=")
        self._write(data)


def _next(piece: bytes, at: int) -> int:
    """Where the next quote or backslash is; the piece's end: nowhere."""
    found = [where for mark in (b'"', b"\\") if (where := piece.find(mark, at)) >= 0]
    return min(found, default=len(piece))


def _told(key: bytes) -> str:
    """What a key's text says, its first quote still before it; of one that is none, nothing."""
    try:
        return str(json.loads(key.removeprefix(b'"').join((b'"', b'"'))))
    except ValueError:
        return ""


def _no_base64(member: str, how: str = "no base64") -> Exception:
    return unfit(OptionError(how, accepted="the file's bytes as standard base64, once"), member)
