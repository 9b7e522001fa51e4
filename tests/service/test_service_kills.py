"""The benchmark that kills, in short: each job is done once, and nothing is left over. And that it would see if not."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.service_audit import Auditor
from benchmarks.service_kills import Killing, Trial, make_clips, page
from benchmarks.service_page import write_part
from benchmarks.service_site import Ground, new_ground
from sqlalchemy import update

from blanklogo.service.database import writing
from blanklogo.service.jobs.intake import Caller, Intake, Wish
from blanklogo.service.jobs.job import StoredJob
from blanklogo.service.jobs.states import State
from blanklogo.service.jobs.store import JobStore
from blanklogo.service.jobs.table import jobs

NUM_JOBS = 12
NUM_KILLS = 4


def tell(words: str) -> None:
    print(words)


@pytest.mark.slow
@pytest.mark.parametrize("database", ["SQLite", "PostgreSQL"])
def test_jobs_are_done_once_though_processes_are_killed(
    tmp_path: Path, database: str, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("postgres").new_database() if database == "PostgreSQL" else None
    ground = new_ground(tmp_path / "site", url, BLANKLOGO_SERVICE_LEASE_SECONDS="3")
    trial = Killing(ground, make_clips(tmp_path / "clips"), NUM_JOBS, seed=3).run(database, NUM_KILLS, tell)
    assert trial.findings.faults == ()
    assert trial.findings.outcomes == {"completed": NUM_JOBS}
    assert trial.victims.total() == NUM_KILLS


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return new_ground(tmp_path, None)


def done_job(ground: Ground, auditor: Auditor) -> StoredJob:
    """With a result that is there."""
    store = JobStore(auditor.database)
    job = Intake(store).create(Caller("own_a", "tok_a", "req_a"), [Wish({}, video_url="https://example.com/a")]).jobs[0]
    auditor.runs.put(job.run, job.owner)
    store.begin(job.run)
    key = f"{job.owner}/{job.id}/1/output.mp4"
    stored = auditor.storage.put(key, iter([b"result"]))
    store.end(job.run, State.COMPLETED, output_key=key, output_sha256=stored.sha256)
    return job


def test_the_audit_sees_what_is_lost_doubled_or_left_over(ground: Ground) -> None:
    auditor = Auditor(ground)
    job = done_job(ground, auditor)
    (only,) = auditor.findings(1, []).faults
    assert only == f"{job.id}'s run is not over", "nobody did it here"
    auditor.storage.put(f"{job.owner}/{job.id}/2/output.mp4", iter([b"another"]))
    (ground.data / "storage" / job.owner / job.id / "1" / "output.mp4#1").write_bytes(b"half")
    (ground.temporary / "left").write_bytes(b"left")
    with writing(auditor.database) as connection:
        connection.execute(update(jobs).values(output_sha256="0" * 64))
    faults = "\n".join(auditor.findings(2, ["found before"]).faults)
    assert "1 jobs of 2" in faults
    assert "2/output.mp4" in faults
    assert "output.mp4#1" in faults
    assert "another digest" in faults
    assert "tmp/left" in faults
    assert "found before" in faults
    auditor.close()


def test_each_benchmark_writes_its_part_of_the_page(tmp_path: Path, ground: Ground) -> None:
    auditor = Auditor(ground)
    trial = Trial("SQLite", 0, auditor.findings(0, []))
    auditor.close()
    write_part("kills", page([trial], seed=1), tmp_path / "page.md")
    write_part("cancel", "what was before", tmp_path / "page.md")
    write_part("cancel", "after \\1", tmp_path / "page.md")
    written = (tmp_path / "page.md").read_text()
    assert "| SQLite |" in written
    assert "after \\1" in written
    assert "what was before" not in written
