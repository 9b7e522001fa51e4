"""A token as everyone may see it: all but its secret."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from blanklogo.errors import OptionError

ID_FORM = re.compile(r"tok_[0-9a-f]{12}")
_OWNER_FORM = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_MAX_NAME_CHARACTERS = 100


class Scope(StrEnum):
    """What a token may do. `admin` holds the other two; `submit` and `read` do not hold each other.

    A token to submit with alone is for a machine that drops videos off and must not be able to fetch any. No scope
    opens what another owner has.
    """

    SUBMIT = "submit"  # make jobs and uploads, cancel, retry
    READ = "read"  # look at jobs and fetch results
    ADMIN = "admin"  # look after the service


@dataclass(frozen=True)
class Token:
    """A token without its secret.

    Attributes:
        id: public; the part before the colon of what a caller shows.
        owner: whose it is. Jobs and files hang on this and not on the id, because it survives rotation.
        name: what people call it.
        scopes: as given; ask `allows`, which knows what a scope holds.
        created_seconds: when it was made. This moment, as all others: UTC, seconds since 1970.
        expires_seconds: from then on it is refused; None: never.
        last_used_seconds: when it was last good, to a minute; None: never yet.
        revoked_seconds: when it was revoked; None: it was not.
        replaces: the id of the token that it was rotated from; None: of none.
    """

    id: str
    owner: str
    name: str
    scopes: frozenset[Scope]
    created_seconds: float
    expires_seconds: float | None = None
    last_used_seconds: float | None = None
    revoked_seconds: float | None = None
    replaces: str | None = None

    def allows(self, scope: Scope) -> bool:
        """Whether the token may do what the scope is for."""
        return scope in self.scopes or Scope.ADMIN in self.scopes

    def is_good(self, now_seconds: float) -> bool:
        """Whether it is neither revoked nor expired."""
        return self.revoked_seconds is None and (self.expires_seconds is None or now_seconds < self.expires_seconds)

    def as_dict(self) -> dict[str, Any]:
        """A JSON-like copy."""
        return {
            "id": self.id,
            "owner": self.owner,
            "name": self.name,
            "scopes": sorted(self.scopes),
            "created_seconds": self.created_seconds,
            "expires_seconds": self.expires_seconds,
            "last_used_seconds": self.last_used_seconds,
            "revoked_seconds": self.revoked_seconds,
            "replaces": self.replaces,
        }


def new_id() -> str:
    """A token's id: 48 random bits, so that it says nothing of how many there are."""
    return f"tok_{secrets.token_hex(6)}"


def new_owner() -> str:
    """An owner's id."""
    return f"own_{secrets.token_hex(6)}"


def checked_scopes(scopes: Iterable[str]) -> frozenset[Scope]:
    """The scopes of these names. Raises OptionError for an unknown one, and for none."""
    accepted = ", ".join(Scope)
    try:
        found = frozenset(Scope(scope) for scope in scopes)
    except ValueError as error:
        raise OptionError(f"scope: {error}", accepted=accepted) from None
    if not found:
        raise OptionError("a token without a scope", accepted=accepted)
    return found


def checked_owner(owner: str) -> str:
    """The owner, if it fits: it becomes a part of storage keys. Raises OptionError."""
    if not _OWNER_FORM.fullmatch(owner):
        raise OptionError(
            f"owner {owner[:80]!r}", accepted="1 to 64 of a-z, 0-9, - and _, beginning with one of a-z, 0-9"
        )
    return owner


def checked_name(name: str) -> str:
    """The name, if people can read it on one line. Raises OptionError."""
    if not (name.strip() and name.isprintable() and len(name) <= _MAX_NAME_CHARACTERS):
        raise OptionError(f"token name {name[:80]!r}", accepted=f"1 to {_MAX_NAME_CHARACTERS} printable characters")
    return name
