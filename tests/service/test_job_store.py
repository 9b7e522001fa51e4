"""Jobs in a database: their moves, whose they are, and what may be repeated."""

from __future__ import annotations

import pytest
from clocks import Clock
from sqlalchemy import Engine

from blanklogo.errors import ConflictError, OptionError
from blanklogo.service.database import writing
from blanklogo.service.jobs.intake import Caller, Intake, Wish
from blanklogo.service.jobs.job import StoredJob
from blanklogo.service.jobs.states import ANALYZING, REMOVING, State
from blanklogo.service.jobs.store import JobStore

ANN = Caller("own_ann", "tok_a", "req_1")
BOB = Caller("own_bob", "tok_b", "req_2")
WISH = Wish({"mode": "auto"}, video_url="https://example.com/a.mp4")


@pytest.fixture
def store(database: Engine, clock: Clock) -> JobStore:
    return JobStore(database, clock)


@pytest.fixture
def intake(store: JobStore) -> Intake:
    return Intake(store)


@pytest.fixture
def job(intake: Intake) -> StoredJob:
    return intake.create(ANN, [WISH]).jobs[0]


def retried(store: JobStore, owner: str, job_id: str) -> StoredJob | None:
    with writing(store.database) as connection:
        return store.retry(connection, owner, job_id, 5.0)


def test_a_job_reads_as_it_was_made(store: JobStore, job: StoredJob) -> None:
    assert store.owned("own_ann", job.id) == job
    assert (job.state, job.percent, job.request, job.expires_seconds) == (
        State.QUEUED,
        0,
        {"mode": "auto"},
        1_000_000.0 + 7 * 86400,
    )


def test_what_is_another_owners_is_not_there(store: JobStore, job: StoredJob) -> None:
    assert store.owned("own_bob", job.id) is None
    assert store.ask_cancel("own_bob", job.id) is None
    assert retried(store, "own_bob", job.id) is None
    assert store.page("own_bob").jobs == ()
    assert store.owned("own_ann", job.id) == job


def test_a_run_begins_once_and_goes_on_after_that(store: JobStore, job: StoredJob, clock: Clock) -> None:
    first = store.begin(job.run)
    clock.now += 60
    again = store.begin(job.run)
    assert first == again
    assert first is not None
    assert (first.state, first.started_seconds) == (State.PROCESSING, 1_000_000.0)


def test_a_run_ends_once_and_how_it_ended_first(store: JobStore, job: StoredJob) -> None:
    store.begin(job.run)
    assert store.end(job.run, State.COMPLETED, outcome="clean", report={"mode": "auto"})
    assert not store.end(job.run, State.FAILED, error={"error": "CrashError"})
    ended = store.get(job.id)
    assert ended is not None
    assert (ended.state, ended.outcome, ended.report, ended.error) == (
        State.COMPLETED,
        "clean",
        {"mode": "auto"},
        None,
    )
    assert store.begin(job.run) is None


def test_progress_only_grows(store: JobStore, job: StoredJob) -> None:
    store.begin(job.run)
    assert store.advance(job.run, REMOVING)
    assert not store.advance(job.run, ANALYZING)
    found = store.get(job.id)
    assert found is not None
    assert (found.percent, found.step) == (40, "Removing watermark")


def test_a_waiting_job_is_cancelled_at_once_and_a_running_one_is_asked(intake: Intake, store: JobStore) -> None:
    waiting, running = intake.create(ANN, [WISH, WISH]).jobs
    store.begin(running.run)
    cancelled, asked = (store.ask_cancel("own_ann", job.id) for job in (waiting, running))
    assert cancelled is not None
    assert asked is not None
    assert (cancelled.state, cancelled.completed_seconds) == (State.CANCELLED, 1_000_000.0)
    assert (asked.state, asked.is_cancel_asked) == (State.PROCESSING, True)
    assert store.begin(waiting.run) is None
    assert store.is_cancel_asked(running.run)


def test_a_retry_leaves_the_run_before_without_a_say(store: JobStore, job: StoredJob) -> None:
    store.begin(job.run)
    assert retried(store, "own_ann", job.id) is None, "it is still being worked on"
    store.end(job.run, State.FAILED, error={"error": "CrashError"})
    again = retried(store, "own_ann", job.id)
    assert again is not None
    assert (again.run_number, again.state, again.error, again.expires_seconds) == (2, State.QUEUED, None, 5.0)
    store.begin(again.run)
    assert not store.end(job.run, State.COMPLETED)
    assert not store.note(job.run, output_key="stale")
    assert not store.advance(job.run, REMOVING)
    assert store.is_cancel_asked(job.run), "whoever still works on the run before is to stop"
    assert not store.is_cancel_asked(again.run)


def test_pages_hold_the_newest_first(intake: Intake, store: JobStore, clock: Clock) -> None:
    made = []
    for _ in range(5):
        clock.now += 1
        made.append(intake.create(ANN, [WISH]).jobs[0].id)
    store.ask_cancel("own_ann", made[0])
    page = store.page("own_ann", offset=1, limit=2)
    assert [job.id for job in page.jobs] == [made[3], made[2]]
    assert page.num_total == 5
    cancelled = store.page("own_ann", states=[State.CANCELLED])
    assert [job.id for job in cancelled.jobs] == [made[0]]


def test_a_batch_is_found_by_its_id(intake: Intake, store: JobStore) -> None:
    created = intake.create(ANN, [WISH, WISH], is_batch=True)
    intake.create(ANN, [WISH])
    page = store.page("own_ann", batch_id=created.batch_id)
    assert {job.id for job in page.jobs} == {job.id for job in created.jobs}


def test_an_upload_is_the_input_of_one_job_of_its_owner(intake: Intake, store: JobStore) -> None:
    upload = intake.open_upload(ANN, "clip.mov", ".mov")
    with pytest.raises(OptionError):
        intake.create(BOB, [Wish({}, upload_id=upload.id)])
    job = intake.create(ANN, [Wish({}, upload_id=upload.id)]).jobs[0]
    assert (job.input_key, job.input_name) == (upload.key, "clip.mov")
    with pytest.raises(ConflictError, match=job.id):
        intake.create(ANN, [WISH, Wish({}, upload_id=upload.id)])
    assert store.page("own_ann").num_total == 1, "all or none"


def test_only_jobs_that_are_over_expire(intake: Intake, store: JobStore, clock: Clock) -> None:
    done, running = intake.create(ANN, [WISH, WISH]).jobs
    for job in (done, running):
        store.begin(job.run)
    store.end(done.run, State.COMPLETED, output_key="k")
    assert store.expiring(clock.now) == ()
    clock.now += 8 * 86400
    assert [job.id for job in store.expiring(clock.now)] == [done.id]
    store.expired(done)
    gone = store.get(done.id)
    assert gone is not None
    assert (gone.is_expired, gone.output_key, gone.state) == (True, None, State.COMPLETED)
    assert store.expiring(clock.now) == ()
