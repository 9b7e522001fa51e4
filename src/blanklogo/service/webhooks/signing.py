"""Who a webhook comes from, in a way that its receiver can check.

The signature is HMAC-SHA256 over `TIMESTAMP.BODY`, the timestamp being that of the attempt, with an owner's secret as
its key. That secret is nowhere: it is derived whenever it is needed, from a key in the service's data folder, the
owner and a generation's number::

    secret = "whsec_" + base64url(HMAC-SHA256(key, JSON of ["blanklogo-webhook-1", owner, generation]))

so that the database, which says which generations are good, gives none away, nor does one owner's secret say anything
of another's. Whoever has the key file has them all, as with the keys that sign URLs.

A rotation makes the next generation. Until its overlap ends the ones before sign beside it, and a receiver that knows
either accepts what comes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, insert, or_, select, update

from blanklogo import __version__
from blanklogo.errors import ConflictError, OptionError
from blanklogo.service.database import lock_schema, reading, writing
from blanklogo.service.storage.keyring import KeyRing
from blanklogo.service.tokens.secret import Secret
from blanklogo.service.webhooks.table import webhook_secrets

KEY_FILE = "webhook-keys"
MAX_OVERLAP_SECONDS = 30 * 86400.0
_MAX_GOOD = 4  # secrets of an owner at a time; each is one signature more in every webhook
_VERSION = "blanklogo-webhook-1"


@dataclass(frozen=True)
class Renewed:
    """A secret that has just been made.

    Attributes:
        others_end_seconds: until when those before it sign too; None: it is the first.
    """

    owner: str
    secret: Secret
    made_seconds: float
    others_end_seconds: float | None


class Secrets:
    """Args:
    ring: its first key is the one that all are derived from.
    clock: UTC, seconds since 1970.
    """

    def __init__(self, database: Engine, ring: KeyRing, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._ring = ring
        self._clock = clock

    def renew(self, owner: str, overlap_seconds: float) -> Renewed:
        """The owner's first secret, or the next one.

        Args:
            overlap_seconds: for which those before it go on signing; 0 ends them at once.

        Raises:
            OptionError: the overlap does not fit.
            ConflictError: too many are good already.
        """
        with writing(self._database) as connection:
            made = self.begin(connection, owner, overlap_seconds)
        return self.renewed(owner, made)

    def begin(self, connection: Connection, owner: str, overlap_seconds: float) -> dict[str, Any]:
        """As `renew`, within `writing`. Returns what `renewed` wants to know, which is no secret and may be kept."""
        if not 0 <= overlap_seconds <= MAX_OVERLAP_SECONDS:
            raise OptionError(f"overlap of {overlap_seconds:g} s", accepted=f"0 to {MAX_OVERLAP_SECONDS:g} s")
        now = self._clock()
        lock_schema(connection)  # two at once would make the same generation
        last = connection.scalar(select(func.max(_of.generation)).where(_of.owner == owner))
        ends = now + overlap_seconds
        shortened = or_(_of.ends_seconds.is_(None), _of.ends_seconds > ends)
        connection.execute(update(webhook_secrets).where(_of.owner == owner, shortened).values(ends_seconds=ends))
        connection.execute(delete(webhook_secrets).where(_of.owner == owner, _of.ends_seconds <= now))
        _check_number(connection, owner)
        generation = (last or 0) + 1
        connection.execute(insert(webhook_secrets).values(owner=owner, generation=generation, made_seconds=now))
        ends_seconds = None if last is None else ends
        return {"generation": generation, "made_seconds": now, "others_end_seconds": ends_seconds}

    def renewed(self, owner: str, made: Mapping[str, Any]) -> Renewed:
        """What `begin` made, with its secret."""
        secret = self._derived(owner, made["generation"])
        return Renewed(owner, secret, made["made_seconds"], made["others_end_seconds"])

    def good(self, owner: str) -> tuple[Secret, ...]:
        """Those that sign now, the newest first. There is one from the beginning, which nobody was shown yet."""
        query = select(_of.generation).where(
            _of.owner == owner, or_(_of.ends_seconds.is_(None), _of.ends_seconds > self._clock())
        )
        with reading(self._database) as connection:
            generations = connection.scalars(query.order_by(_of.generation.desc())).all()
        return tuple(self._derived(owner, generation) for generation in generations or [0])

    def _derived(self, owner: str, generation: int) -> Secret:
        _, key = self._ring.keys[0]
        message = json.dumps([_VERSION, owner, generation], separators=(",", ":")).encode()
        digest = hmac.digest(key, message, "sha256")
        return Secret(f"whsec_{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}")


_of = webhook_secrets.c


def headers(event_id: str, event: str, body: bytes, signers: tuple[Secret, ...], now_seconds: float) -> dict[str, str]:
    """An attempt's headers. `X-Webhook-Signature` is `sha256=HEX`, and while secrets overlap several with commas
    between, the newest secret's first."""
    timestamp = str(int(now_seconds))
    message = timestamp.encode() + b"." + body
    signatures = (hmac.new(one.reveal().encode(), message, hashlib.sha256).hexdigest() for one in signers)
    return {
        "Content-Type": "application/json",
        "User-Agent": f"BlankLogo/{__version__}",
        "X-Webhook-Id": event_id,
        "X-Webhook-Event": event,
        "X-Webhook-Timestamp": timestamp,
        "X-Webhook-Signature": ",".join(f"sha256={signature}" for signature in signatures),
    }


def _check_number(connection: Connection, owner: str) -> None:
    good = connection.scalar(select(func.count()).where(_of.owner == owner)) or 0
    if good >= _MAX_GOOD:
        raise ConflictError(f"{good} secrets of this owner are good still", hint="wait, or an overlap of 0 s")
