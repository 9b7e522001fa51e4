"""Bearer tokens of our own: `Authorization: Bearer ID:SECRET`, checked against entries that do not hold the secret.

An entry is `ID:sha256(SECRET)` in hexadecimal; several stand in one variable, parted by commas or white space. Secrets
are long and random, so that a plain SHA-256 keeps them.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field

from blanklogo.errors import OptionError

VARIABLE = "BLANKLOGO_TOKENS"
_ENTRY = re.compile(r"(?P<id>[\w.-]{1,64}):(?P<digest>[0-9a-f]{64})")
_NOBODY = hashlib.sha256(b"").hexdigest()  # compared with where there is no such ID, so that both take as long


@dataclass(frozen=True)
class Tokens:
    """Who may call. Of no tokens, nobody.

    Attributes:
        digests: by ID, the SHA-256 of its secret in hexadecimal.
    """

    digests: dict[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, text: str) -> Tokens:
        """From the variable's text.

        Raises:
            OptionError: an entry is none; a plain secret would be one such.
        """
        digests = {}
        for entry in re.split(r"[,\s]+", text.strip()):
            match = _ENTRY.fullmatch(entry)
            if match:
                digests[match["id"]] = match["digest"]
            elif entry:
                raise OptionError(
                    f"an entry in {VARIABLE} that is none",
                    accepted="ID:SHA256, the secret's SHA-256 in hexadecimal and never the secret",
                    hint="blanklogo modal token ID",
                )
        return cls(digests)

    def admitted(self, header: str | None) -> str | None:
        """The ID of whoever shows this `Authorization` header; None: nobody who may call."""
        scheme, _, shown = (header or "").partition(" ")
        identifier, _, secret = shown.strip().partition(":")
        wanted = self.digests.get(identifier, _NOBODY)
        is_same = hmac.compare_digest(hashlib.sha256(secret.encode()).hexdigest(), wanted)
        return identifier if is_same and secret and scheme.lower() == "bearer" and identifier in self.digests else None

    def signature(self, identifier: str, text: str) -> str:
        """What only the holder of the entries can say of a text, for one ID."""
        return hmac.new(bytes.fromhex(self.digests[identifier]), text.encode(), hashlib.sha256).hexdigest()[:32]


def new_token(identifier: str) -> tuple[str, str]:
    """A fresh token: what its holder shows (`ID:SECRET`, to be told once), and the entry for whoever checks.

    Raises:
        OptionError: an ID that does not fit.
    """
    if not re.fullmatch(r"[\w.-]{1,64}", identifier):
        raise OptionError(f"token ID {identifier!r}", accepted="up to 64 letters, digits, dots, dashes, underscores")
    secret = secrets.token_urlsafe(32)
    return f"{identifier}:{secret}", f"{identifier}:{hashlib.sha256(secret.encode()).hexdigest()}"
