"""Secrets that do not show themselves.

A secret is 256 random bits. Its SHA-256 is what is kept: a slow hash is for what people make up, which can be guessed
by trying the likely ones. Among 2^256 equally likely ones no speed helps, and every request would pay for the slowness.
NIST SP 800-63B, 5.1.2.2, says the same of machine-made secrets of 112 bits or more: an approved one-way function, and
salt and a password hash only below that.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import NoReturn

FORM = re.compile(r"[A-Za-z0-9_-]{43}")  # 256 bits in base64url, without padding
_NUM_BYTES = 32


class Secret:
    """A text that only `reveal` gives away: not repr, str, format, a log line, a pickle or a copy."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        object.__setattr__(self, "_text", text)

    @classmethod
    def random(cls) -> Secret:
        """A new one, from the operating system's source of randomness."""
        return cls(secrets.token_urlsafe(_NUM_BYTES))

    def reveal(self) -> str:
        """The text itself: for whoever it was made for, once."""
        return self._text

    def digest(self) -> str:
        """What may be kept of it: SHA-256, in hexadecimal."""
        return hashlib.sha256(self._text.encode()).hexdigest()

    def matches(self, digest: str) -> bool:
        """Whether this is the secret with that digest, in a time that says nothing of where they differ."""
        return hmac.compare_digest(self.digest(), digest)

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._text.encode(), other._text.encode())

    __hash__ = None  # type: ignore[assignment]  # a hash is kept in tables, and tells equal ones apart from others

    def __setattr__(self, name: str, _value: object) -> NoReturn:
        raise AttributeError(f"a secret is frozen; {name} cannot be set")

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError("a secret is neither pickled nor copied; hand it on, or reveal() it")

    __getstate__ = __reduce__ = lambda self: self.__reduce_ex__(0)  # type: ignore[assignment]
