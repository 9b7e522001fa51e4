"""What must hold of a service after all that was done to it: each job once, each file somebody's."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from benchmarks.service_site import Ground
from blanklogo.service.database import open_database, reading
from blanklogo.service.jobs.crew import Crew
from blanklogo.service.jobs.durable import Runs
from blanklogo.service.jobs.fetching import Fetcher
from blanklogo.service.jobs.job import DAYS, StoredJob
from blanklogo.service.jobs.states import State
from blanklogo.service.jobs.store import JobStore
from blanklogo.service.jobs.table import audit, jobs, uploads
from blanklogo.service.jobs.tending import Tending
from blanklogo.service.settings import read_settings
from blanklogo.service.storage import ServiceUrls, open_storage
from blanklogo.service.storage.keyring import from_folder
from blanklogo.transfer.guard.policy import Policy

SETTLING_SECONDS = 120.0  # four rounds of what is done from time to time


@dataclass(frozen=True)
class Findings:
    """What became of a run's jobs.

    Attributes:
        outcomes: how many jobs there are, by state.
        num_again: jobs that needed more than one attempt.
        num_uploads_broken: whose connection a kill broke before they had a job; they go a day later, by themselves.
        faults: what should not be so, in words; empty: all is well.
    """

    outcomes: dict[str, int]
    num_again: int
    num_uploads_broken: int
    faults: tuple[str, ...]


class Auditor:
    """Looks at the database and the disk, not at what the API says."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self.database = open_database(ground.database)
        self._store = JobStore(self.database)
        self.storage = open_storage(ground.data / "storage", ServiceUrls(from_folder(ground.data), ground.url))
        settings = read_settings(database=ground.database, data=ground.data)
        self.runs = Runs(settings.runs_database)

    def num_over(self) -> int:
        return sum(number for state, number in self._store.counts().items() if state.is_over)

    def settled(self) -> list[str]:
        """What is left over when the service has had its time to tidy up, by itself."""
        end = time.monotonic() + SETTLING_SECONDS
        while (faults := list(self._left_over())) and time.monotonic() < end:
            time.sleep(0.5)
        return faults

    def findings(self, num_wanted: int, faults: list[str]) -> Findings:
        """Of a service that was stopped.

        Args:
            faults: found before.
        """
        found = self._all_jobs()
        broken = self._broken_uploads()
        self._a_day_later()
        if more := [path for path in self._stored() if path not in self._results(found)]:
            faults = [*faults, f"left in the storage a day later: {more}"]
        faults = [*faults, *self._faults_of_rows(found, num_wanted), *self._faults_of_results(found)]
        if on_disk := [str(path) for path in _files(self._ground.temporary)]:
            faults.append(f"left in the temporary folder: {on_disk}")
        states = Counter(str(job.state) for job in found)
        return Findings(dict(states), sum(job.num_attempts > 1 for job in found), len(broken), tuple(faults))

    def close(self) -> None:
        self.runs.close()
        self.database.dispose()

    def _left_over(self) -> Iterator[str]:
        """Uploads without a job apart, which are for a day."""
        broken = self._broken_uploads()
        wanted = self._results(self._all_jobs())
        for path in self._stored():
            if path not in wanted and not any(path.startswith(f"{folder}/") for folder in broken):
                yield f"in the storage: {path}"
        yield from (f"fetched: {path}" for path in _files(self._ground.data / "fetching"))
        yield from (f"under way: {run_id} by {taker}" for run_id, taker in self.runs.under_way().items())

    def _faults_of_rows(self, found: list[StoredJob], num_wanted: int) -> Iterator[str]:
        if len(found) != num_wanted:
            yield f"{len(found)} jobs of {num_wanted}"
        yield from (f"{job.id} {job.state}: {job.error}" for job in found if job.state is not State.COMPLETED)
        yield from (f"{job.id} is in run {job.run_number}" for job in found if job.run_number != 1)
        with reading(self.database) as connection:
            made = Counter(connection.scalars(select(audit.c.subject).where(audit.c.action == "job.create")))
        if made != Counter(job.id for job in found):
            yield f"made, by the audit: {made}"
        known = self.runs.known(job.run for job in found)
        yield from (f"{job.id}'s run is not over" for job in found if not known.get(str(job.run)))

    def _faults_of_results(self, found: list[StoredJob]) -> Iterator[str]:
        for job in found:
            if job.output_key is None:
                yield f"{job.id} has no result"
            elif (stored := self.storage.digest(job.output_key)).sha256 != job.output_sha256:
                yield f"{job.id}: {stored.num_bytes} bytes of another digest than is written down"
        by_name: dict[str, set[str | None]] = {}
        for job in found:
            by_name.setdefault(job.input_name, set()).add(job.output_sha256)
        yield from (f"{len(digests)} results of {name}" for name, digests in by_name.items() if len(digests) > 1)

    def _a_day_later(self) -> None:
        """What the service does from time to time, once more, with its clock put on."""
        store = JobStore(self.database, lambda: time.time() + DAYS + 60)
        fetcher = Fetcher(self._ground.data / "fetching" / "orch_none", Policy.PUBLIC)
        Tending(store, self.storage, self.runs, fetcher, Crew(self.database)).once()

    def _all_jobs(self) -> list[StoredJob]:
        with reading(self.database) as connection:
            ids = list(connection.scalars(select(jobs.c.id)))
        return [job for job in map(self._store.get, ids) if job is not None]

    def _broken_uploads(self) -> set[str]:
        """Their folders."""
        with reading(self.database) as connection:
            rows = connection.execute(select(uploads.c.owner, uploads.c.id).where(uploads.c.job_id.is_(None)))
            return {f"{owner}/{upload_id}" for owner, upload_id in rows}

    def _stored(self) -> list[str]:
        """Half-written files too."""
        root = self._ground.data / "storage"
        return [path.relative_to(root).as_posix() for path in _files(root)]

    def _results(self, found: list[StoredJob]) -> set[str]:
        return {job.output_key for job in found if job.output_key is not None}


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
