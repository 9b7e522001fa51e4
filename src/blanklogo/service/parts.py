"""What a service is made of, opened together and closed together."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

from sqlalchemy import Connection

from blanklogo.engines.base import Engine
from blanklogo.errors import ConflictError
from blanklogo.service.alone import alone, is_for_one
from blanklogo.service.database import create_tables, open_database
from blanklogo.service.jobs.course import conduct
from blanklogo.service.jobs.crew import Crew
from blanklogo.service.jobs.durable import Durable, Runs
from blanklogo.service.jobs.fetching import Fetcher
from blanklogo.service.jobs.intake import Caller, Created, Intake, Wish
from blanklogo.service.jobs.job import Run, StoredJob, new_id
from blanklogo.service.jobs.orchestrator import Orchestrator
from blanklogo.service.jobs.recall import Recall
from blanklogo.service.jobs.store import JobStore
from blanklogo.service.jobs.tending import Tending
from blanklogo.service.jobs.works import Works
from blanklogo.service.metrics import Metrics
from blanklogo.service.readiness import Readiness
from blanklogo.service.repeats import Repeatable, Repeats
from blanklogo.service.settings import Settings
from blanklogo.service.storage import ServiceUrls, Storage, open_storage
from blanklogo.service.storage.keyring import from_either
from blanklogo.service.tokens.store import TokenStore
from blanklogo.service.webhooks.courier import Courier
from blanklogo.service.webhooks.ledger import Ledger
from blanklogo.service.webhooks.outbox import Webhook
from blanklogo.service.webhooks.sending import Sender
from blanklogo.service.webhooks.signing import KEY_FILE, Secrets
from blanklogo.transfer.guard.client import check_reachable
from blanklogo.transfer.guard.policy import Policy


class Parts:
    """Everything, opened but not started.

    Args:
        engine: where this process has removals run, closed by whoever made it, after this; None: others do jobs.
        policy: who may be reached for videos that callers name, and by webhooks.

    Raises:
        OptionError, UnavailableError, WriteError: a part cannot be opened.
    """

    def __init__(self, settings: Settings, engine: Engine | None, policy: Policy) -> None:
        self.settings = settings
        self.limits = settings.limits
        self.engine = engine
        self.policy = policy
        self.leaving = threading.Event()
        logging.getLogger("httpx2").setLevel(logging.WARNING)  # it would log whole URLs, which may be signed
        with ExitStack() as opened:
            opened.enter_context(alone(settings.database))
            self.database = open_database(settings.database)
            opened.callback(self.database.dispose)
            create_tables(self.database)
            self.tokens = TokenStore(self.database)
            self.urls = ServiceUrls(from_either(settings.url_keys, settings.folder), settings.base_url)
            self.storage = self._opened_storage(settings.storage_public_url)
            # The same files, by the URLs that workers follow.
            self.workers_storage = self._opened_storage(None) if settings.has_near_workers else self.storage
            self.store = JobStore(self.database)
            self.recall = Recall(self.store, self.storage)
            self.repeats = Repeats(self.database)
            self.intake = Intake(self.store, self.limits.retention_seconds)
            self.metrics = Metrics()
            self.readiness = Readiness(self.database, self.storage, engine)
            self.secrets = Secrets(self.database, from_either(settings.webhook_keys, settings.folder, KEY_FILE))
            self.ledger = Ledger(self.database, settings.patience)
            self.crew = Crew(self.database, settings.lease_seconds)
            self.runs = Runs(settings.runs_database)
            opened.callback(self.runs.close)
            self.orchestrator = None if engine is None else self._orchestrator(engine, policy, opened)
            sender = Sender(policy, settings.webhook_seconds)
            self.courier = Courier(self.ledger, self.secrets, sender, self.limits.retention_seconds)
            self._opened = opened.pop_all()

    def start(self) -> None:
        """Takes up jobs, and webhooks with them, if this process does any."""
        if self.orchestrator is not None:
            self.orchestrator.start()
            self.courier.start()

    def create(
        self, caller: Caller, wishes: Sequence[Wish], request: Repeatable | None = None, *, is_batch: bool = False
    ) -> Created:
        """Queues jobs; raises as `Intake.create` and `check_webhook`. A kill between the rows and the runs is made good
        by `tending`."""
        before = self.intake.created_before(request)
        if before is None:
            for webhook in {wish.webhook for wish in wishes}:
                self.check_webhook(webhook)
        made = before or self.intake.create(caller, wishes, request, is_batch=is_batch)
        if not made.is_repeated:
            made = replace(made, jobs=tuple(self._begun(job) for job in made.jobs))
        return made

    def _begun(self, job: StoredJob) -> StoredJob:
        """A new job, completed at once where its result is there already, else with its run queued."""
        done = self.recall.complete(job, self.limits.retention_seconds)
        if done is None:
            self.runs.put(job.run, job.owner)
        return done or job

    def check_webhook(self, webhook: Webhook | None) -> None:
        """Raises OptionError for a receiver that may not be reached; each attempt looks again."""
        if webhook is not None:
            check_reachable(webhook.url, self.policy)

    def retry(self, caller: Caller, job: StoredJob, request: Repeatable | None) -> None:
        """Queues a job for another run.

        Raises:
            ConflictError: it neither failed nor was cancelled, or its input is gone; also as `Repeats.once`.
        """
        expires_seconds = self.store.clock() + self.limits.retention_seconds

        def make(connection: Connection) -> dict[str, int]:
            queued = self.store.retry(connection, job.owner, job.id, expires_seconds)
            if queued is None:
                raise _not_retried(job)
            self.intake.note(connection, caller, "job.retry", job.id, {"run": queued.run_number})
            return {"run": queued.run_number}

        outcome = self.repeats.once(request, make)
        if not outcome.is_repeated:
            self.runs.put(Run(job.id, outcome.made["run"]), job.owner)

    def close(self) -> None:
        """Steps under way are given up, to be begun again by another process or the next; nothing is left running."""
        self.leaving.set()
        if self.orchestrator is not None:
            self.orchestrator.close()
        self.courier.close()
        self._opened.close()

    def _opened_storage(self, public_url: str | None) -> Storage:
        where = self.settings.storage or self.settings.folder / "storage"
        return open_storage(where, self.urls, public_url=public_url)

    def _orchestrator(self, engine: Engine, policy: Policy, opened: ExitStack) -> Orchestrator:
        name, leaving = new_id("orch"), threading.Event()
        fetcher = Fetcher(self.settings.folder / "fetching" / name, policy)
        opened.callback(fetcher.close)
        works = Works(self.store, self.workers_storage, engine, fetcher, self.limits, leaving)
        durable = Durable(self.runs, name, lambda run, step: conduct(run, step, works), self.settings.width)
        tending = Tending(self.store, self.storage, self.runs, fetcher, self.crew)
        is_alone = is_for_one(self.settings.database)
        return Orchestrator(name, self.crew, durable, tending, leaving, is_alone=is_alone)


def _not_retried(job: StoredJob) -> ConflictError:
    if job.is_expired:
        return ConflictError(f"the input of {job.id} was removed when its time was over", hint="a new job")
    return ConflictError(f"{job.id} is {job.state}", accepted="a job that failed or was cancelled")
