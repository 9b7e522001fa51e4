"""The threads that deliver: what is due is taken up, a few of an owner's at a time, so that receivers that hang hold up
nobody but themselves for long.

Any number of processes may do this on one database.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from blanklogo.errors import BlankLogoError
from blanklogo.service.webhooks.delivery import Claim
from blanklogo.service.webhooks.ledger import Ledger
from blanklogo.service.webhooks.sending import Sender
from blanklogo.service.webhooks.signing import Secrets, headers

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Load:
    """How much is under way at once in this process, and how often what is due is looked for."""

    num_at_once: int = 16
    num_of_owner: int = 2
    poll_seconds: float = 0.5


class Courier:
    """Args: retention_seconds: for which the log is kept, from a delivery's end."""

    def __init__(
        self, ledger: Ledger, secrets: Secrets, sender: Sender, retention_seconds: float, load: Load | None = None
    ) -> None:
        self._ledger = ledger
        self._secrets = secrets
        self._sender = sender
        self._retention_seconds = retention_seconds
        self._load = load or Load()
        self._busy: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._leaving = threading.Event()
        self._woken = threading.Event()
        self._senders = ThreadPoolExecutor(self._load.num_at_once, "courier-sender")
        self._thread = threading.Thread(target=self._rounds, name="courier", daemon=True)

    def start(self) -> None:
        """From now on."""
        self._thread.start()

    def close(self) -> None:
        """Takes nothing up any more, and returns when the attempts under way are over, which their time limits."""
        self._leaving.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join()
        self._senders.shutdown()

    def _rounds(self) -> None:
        while not self._leaving.is_set():
            self._woken.clear()
            try:
                self._hand_out()
                self._ledger.forget(self._retention_seconds)
            except BlankLogoError as error:  # the database is away: the next round may find it
                log.warning("looking for webhooks that are due: %s", error)
            except Exception:
                log.exception("looking for webhooks that are due failed in a way that is not foreseen")
            self._woken.wait(self._load.poll_seconds)

    def _hand_out(self) -> None:
        while not self._leaving.is_set():
            with self._lock:
                if self._busy.total() >= self._load.num_at_once:
                    return
                full = [owner for owner, number in self._busy.items() if number >= self._load.num_of_owner]
            claim = self._ledger.claim(full)
            if claim is None:
                return
            with self._lock:
                self._busy[claim.owner] += 1
            self._senders.submit(self._deliver, claim)

    def _deliver(self, claim: Claim) -> None:
        """What goes wrong here leaves a lease that runs out, and the delivery is taken up anew."""
        try:
            body = claim.body.encode()
            signed = headers(claim.id, claim.event, body, self._secrets.good(claim.owner), time.time())
            answer = self._sender.send(claim.url, body, signed)
            self._ledger.finish(claim, answer)
            log.info("webhook %s of %s, attempt %d: %s", claim.id, claim.job_id, claim.number, answer.verdict)
        except BlankLogoError as error:
            log.warning("webhook %s: %s", claim.id, error)
        except Exception:
            log.exception("webhook %s failed in a way that is not foreseen", claim.id)
        finally:
            with self._lock:
                self._busy[claim.owner] -= 1
                self._busy += Counter()  # owners with none are forgotten
            self._woken.set()
