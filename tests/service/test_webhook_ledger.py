"""Deliveries in the database: written with what they tell, taken up by one at a time, tried, given up, replayed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from at_once import in_threads
from clocks import Clock
from sqlalchemy import Engine, func, select

from blanklogo.errors import ConflictError
from blanklogo.service.database import reading, writing
from blanklogo.service.jobs.intake import Caller, Intake, Wish
from blanklogo.service.jobs.job import StoredJob
from blanklogo.service.jobs.states import ANALYZING, REMOVING, STARTING, State, Step
from blanklogo.service.jobs.store import JobStore
from blanklogo.service.webhooks.delivery import Claim, Delivery, DeliveryState, Patience
from blanklogo.service.webhooks.ledger import Ledger
from blanklogo.service.webhooks.message import EventName, EventTold
from blanklogo.service.webhooks.outbox import Webhook
from blanklogo.service.webhooks.sending import Answer
from blanklogo.service.webhooks.table import attempts, deliveries, webhooks

ANN = Caller("own_ann", "tok_a", "req_1")
BOB = Caller("own_bob", "tok_b", "req_2")
URL = "https://example.com/hook?key=hush"
ENDS = Webhook(URL, (EventName.COMPLETED, EventName.FAILED, EventName.CANCELLED))
GOOD = Answer(0.1, 204)
BUSY = Answer(0.1, 503, excerpt="later")
PATIENCE = Patience(limit_seconds=10, pauses_seconds=(10, 60))


@pytest.fixture
def store(database: Engine, clock: Clock) -> JobStore:
    return JobStore(database, clock)


@pytest.fixture
def ledger(database: Engine, clock: Clock) -> Ledger:
    return Ledger(database, PATIENCE, clock)


@pytest.fixture
def make(store: JobStore) -> Callable[..., StoredJob]:
    def made(webhook: Webhook | None = ENDS, caller: Caller = ANN) -> StoredJob:
        return Intake(store).create(caller, [Wish({}, "https://example.com/a.mp4", webhook=webhook)]).jobs[0]

    return made


@pytest.fixture
def ended(store: JobStore, make: Callable[..., StoredJob]) -> Callable[..., StoredJob]:
    def end(webhook: Webhook = ENDS, caller: Caller = ANN) -> StoredJob:
        job = make(webhook, caller)
        store.begin(job.run)
        assert store.end(job.run, State.COMPLETED, outcome="clean")
        return job

    return end


def told(ledger: Ledger, job: StoredJob) -> list[Delivery]:
    return list(ledger.page(job.id)[0])[::-1]


def names(ledger: Ledger, job: StoredJob) -> list[str]:
    return [delivery.event for delivery in told(ledger, job)]


def taken(ledger: Ledger) -> Claim:
    claim = ledger.claim()
    assert claim is not None
    return claim


def retried(store: JobStore, job: StoredJob) -> StoredJob | None:
    with writing(store.database) as connection:
        return store.retry(connection, job.owner, job.id, store.clock() + 9)


def replayed(database: Engine, ledger: Ledger, job: StoredJob, delivery_id: str) -> bool:
    with writing(database) as connection:
        return ledger.replay(connection, job.id, delivery_id)


def only(ledger: Ledger, job: StoredJob) -> Delivery:
    (delivery,) = told(ledger, job)
    return delivery


# What is written down


@pytest.mark.parametrize("state", [State.COMPLETED, State.FAILED, State.CANCELLED])
def test_an_end_is_written_down_once(
    store: JobStore, ledger: Ledger, make: Callable[..., StoredJob], state: State
) -> None:
    job = make()
    store.begin(job.run)
    assert store.end(job.run, state)
    assert not store.end(job.run, State.FAILED)
    assert names(ledger, job) == [f"job.{state}"]


def test_an_end_and_its_word_are_both_there_or_neither(
    store: JobStore, ledger: Ledger, make: Callable[..., StoredJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make()
    store.begin(job.run)
    with monkeypatch.context() as patched:
        patched.setattr("blanklogo.service.webhooks.outbox.body_of", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            store.end(job.run, State.COMPLETED)
    found = store.get(job.id)
    assert found is not None
    assert found.state is State.PROCESSING
    assert told(ledger, job) == []


def test_a_job_without_a_webhook_writes_nothing(
    store: JobStore, make: Callable[..., StoredJob], database: Engine
) -> None:
    job = make(None)
    store.begin(job.run)
    store.end(job.run, State.COMPLETED)
    with reading(database) as connection:
        assert connection.scalar(select(func.count()).select_from(deliveries)) == 0


def test_a_run_tells_its_beginning_and_each_step_once(
    store: JobStore, ledger: Ledger, make: Callable[..., StoredJob], clock: Clock
) -> None:
    job = make(Webhook(URL, tuple(EventName)))
    for _ in range(2):  # as after a kill
        clock.now += 1
        store.begin(job.run)
    for step in (STARTING, ANALYZING, Step(35, ANALYZING.words), REMOVING, ANALYZING, Step(41, REMOVING.words)):
        clock.now += 1
        store.advance(job.run, step)
    events = [EventTold.model_validate_json(_body(store.database, one.id)) for one in told(ledger, job)]
    assert [(event.event, event.data.currentStep) for event in events] == [
        ("job.started", "Queued"),
        ("job.progress", STARTING.words),
        ("job.progress", ANALYZING.words),
        ("job.progress", REMOVING.words),
    ]
    assert [event.data.progress for event in events] == [0, 5, 30, 40]


def test_a_cancel_of_a_job_that_waits_is_told_and_of_one_at_work_when_it_has_stopped(
    store: JobStore, ledger: Ledger, make: Callable[..., StoredJob]
) -> None:
    waits, works = make(), make()
    store.begin(works.run)
    for _ in range(2):
        for job in (waits, works):
            store.ask_cancel("own_ann", job.id)
    assert names(ledger, waits) == ["job.cancelled"]
    assert names(ledger, works) == []
    store.end(works.run, State.CANCELLED)
    assert names(ledger, works) == ["job.cancelled"]


def test_another_run_is_told_anew(
    store: JobStore, ledger: Ledger, make: Callable[..., StoredJob], clock: Clock
) -> None:
    job = make()
    store.begin(job.run)
    store.end(job.run, State.FAILED, error={"error": "SourceError", "message": "no", "hint": None, "came": "no"})
    again = retried(store, job)
    assert again is not None
    clock.now += 1
    store.begin(again.run)
    store.end(again.run, State.FAILED)
    bodies = [EventTold.model_validate_json(_body(store.database, one.id)) for one in told(ledger, job)]
    assert [body.data.run for body in bodies] == [1, 2]
    assert len({body.id for body in bodies}) == 2


def test_an_end_that_two_write_at_once_is_told_once(
    store: JobStore, ledger: Ledger, make: Callable[..., StoredJob]
) -> None:
    job = make()
    store.begin(job.run)
    assert sorted(in_threads(lambda _: store.end(job.run, State.COMPLETED), 6)) == [False] * 5 + [True]
    assert names(ledger, job) == ["job.completed"]


# How it goes on


def test_of_many_who_look_one_takes_it_up(ledger: Ledger, ended: Callable[..., StoredJob]) -> None:
    jobs = {ended().id for _ in range(3)}
    found = in_threads(lambda _: ledger.claim(), 8)
    claims = [claim for claim in found if claim is not None]
    assert {claim.job_id for claim in claims} == jobs
    assert len(claims) == 3, found


def test_what_is_delivered_is_over(ledger: Ledger, ended: Callable[..., StoredJob], clock: Clock) -> None:
    job = ended()
    claim = taken(ledger)
    assert (claim.owner, claim.url, claim.number) == ("own_ann", URL, 1)
    ledger.finish(claim, GOOD)
    clock.now += 1e6
    assert ledger.claim() is None
    delivery = only(ledger, job)
    assert (delivery.state, delivery.num_attempts) == (DeliveryState.DELIVERED, 1)
    assert [(one.number, one.status, one.took_seconds) for one in delivery.attempts] == [(1, 204, 0.1)]


def test_three_tries_with_pauses_between(ledger: Ledger, ended: Callable[..., StoredJob], clock: Clock) -> None:
    job = ended()
    for number, pause_seconds in ((1, 10), (2, 60)):
        claim = taken(ledger)
        assert claim.number == number
        ledger.finish(claim, BUSY)
        clock.now += pause_seconds - 1
        assert ledger.claim() is None
        clock.now += 1
    ledger.finish(taken(ledger), BUSY)
    delivery = only(ledger, job)
    assert (delivery.state, delivery.reason, delivery.num_attempts) == (DeliveryState.FAILED, "failed 3 times", 3)
    assert [one.excerpt for one in delivery.attempts] == ["later"] * 3


def test_a_receiver_says_when_to_come_again(ledger: Ledger, ended: Callable[..., StoredJob], clock: Clock) -> None:
    ended()
    ledger.finish(taken(ledger), Answer(0.1, 429, wait_seconds=200))
    clock.now += 199
    assert ledger.claim() is None
    clock.now += 1
    assert taken(ledger).number == 2


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(0.1, 404), "what came is not tried again"),
        (Answer(0.1, 302), "what came is not tried again"),
        (Answer(0.1, error="names no public host"), "the receiver may not be reached"),
    ],
)
def test_a_last_word_ends_it(
    ledger: Ledger, ended: Callable[..., StoredJob], clock: Clock, answer: Answer, reason: str
) -> None:
    job = ended()
    ledger.finish(taken(ledger), answer)
    clock.now += 1e6
    assert ledger.claim() is None
    assert only(ledger, job).reason == reason


def test_an_attempt_that_was_killed_is_made_again_and_counts_for_nothing(
    ledger: Ledger, ended: Callable[..., StoredJob], clock: Clock
) -> None:
    job = ended()
    for number in range(1, 6):  # far more often than a receiver is tried
        assert taken(ledger).number == number
        assert ledger.claim() is None, "another process has it"
        clock.now += PATIENCE.lease_seconds
    ledger.finish(taken(ledger), GOOD)
    delivery = only(ledger, job)
    assert (delivery.state, delivery.num_attempts) == (DeliveryState.DELIVERED, 6)
    assert [one.took_seconds for one in delivery.attempts] == [None] * 5 + [0.1]


def test_an_answer_that_comes_after_the_lease_changes_the_log_alone(
    ledger: Ledger, ended: Callable[..., StoredJob], clock: Clock
) -> None:
    job = ended()
    late = taken(ledger)
    clock.now += PATIENCE.lease_seconds
    again = taken(ledger)
    ledger.finish(late, Answer(40, 404))
    assert only(ledger, job).state is DeliveryState.WAITING
    ledger.finish(again, GOOD)
    delivery = only(ledger, job)
    assert delivery.state is DeliveryState.DELIVERED
    assert [one.status for one in delivery.attempts] == [404, 204]


def test_an_owner_who_is_busy_is_passed_over(ledger: Ledger, ended: Callable[..., StoredJob], clock: Clock) -> None:
    for _ in range(3):
        ended()
    clock.now += 1
    of_bob = ended(caller=BOB)
    claim = ledger.claim(["own_ann"])
    assert claim is not None
    assert claim.job_id == of_bob.id
    assert ledger.claim(["own_ann", "own_bob"]) is None


def test_of_one_job_one_is_told_at_a_time_and_in_order(
    store: JobStore, ledger: Ledger, ended: Callable[..., StoredJob], clock: Clock
) -> None:
    job = ended(Webhook(URL))
    first = taken(ledger)
    assert first.event == "job.started"
    assert ledger.claim() is None, "the end is told after the beginning"
    ledger.finish(first, BUSY)
    second = taken(ledger)
    assert second.event == "job.completed", "but what is to be tried again holds up nothing"
    ledger.finish(second, GOOD)
    clock.now += 10
    ledger.finish(taken(ledger), GOOD)
    assert {one.state for one in told(ledger, job)} == {DeliveryState.DELIVERED}


def test_a_receiver_that_is_gone_ends_all_of_its_job(
    store: JobStore, ledger: Ledger, ended: Callable[..., StoredJob], clock: Clock
) -> None:
    job, other = ended(Webhook(URL)), ended()
    claim = next(claim for claim in iter(ledger.claim, None) if claim.job_id == job.id)
    ledger.finish(claim, Answer(0.1, 410))
    assert [(one.state, "410" in (one.reason or "")) for one in told(ledger, job)] == [(DeliveryState.FAILED, True)] * 2
    assert only(ledger, other).state is DeliveryState.WAITING


def test_after_a_410_nothing_is_written_down_until_a_replay(
    store: JobStore, ledger: Ledger, make: Callable[..., StoredJob], clock: Clock
) -> None:
    def fail(job: StoredJob) -> StoredJob:
        store.begin(job.run)
        store.end(job.run, State.FAILED)
        again = retried(store, job)
        assert again is not None
        return again

    job = fail(make())
    ledger.finish(taken(ledger), Answer(0.1, 410))
    job = fail(job)
    delivery = only(ledger, job)
    assert replayed(store.database, ledger, job, delivery.id)
    clock.now += 1
    fail(job)
    assert len(told(ledger, job)) == 2


def test_a_replay_is_tried_as_often_as_the_first_time(
    ledger: Ledger, ended: Callable[..., StoredJob], clock: Clock, database: Engine
) -> None:
    job = ended()
    with pytest.raises(ConflictError):
        replayed(database, ledger, job, only(ledger, job).id)
    for _ in range(2):
        for _ in range(3):
            ledger.finish(taken(ledger), BUSY)
            clock.now += 60
        assert only(ledger, job).state is DeliveryState.FAILED
        assert replayed(database, ledger, job, only(ledger, job).id)
    delivery = only(ledger, job)
    assert (delivery.state, delivery.reason, delivery.num_attempts, delivery.num_replays) == (
        DeliveryState.WAITING,
        None,
        6,
        2,
    )


def test_a_replay_that_cannot_be_leaves_all_as_it_was(
    ledger: Ledger, ended: Callable[..., StoredJob], database: Engine
) -> None:
    job, other = ended(), ended()
    claim = next(claim for claim in iter(ledger.claim, None) if claim.job_id == job.id)
    ledger.finish(claim, Answer(0.1, 410))
    assert not replayed(database, ledger, job, f"evt_{'0' * 24}")
    assert not replayed(database, ledger, other, claim.id), "an event belongs to its job"
    with reading(database) as connection:
        assert connection.scalar(select(webhooks.c.stopped_seconds).where(webhooks.c.job_id == job.id)) is not None


def test_the_log_of_a_delivery_that_is_replayed_forever_has_an_end(
    ledger: Ledger, ended: Callable[..., StoredJob], database: Engine
) -> None:
    job = ended()
    for _ in range(30):
        ledger.finish(taken(ledger), GOOD)
        replayed(database, ledger, job, only(ledger, job).id)
    delivery = only(ledger, job)
    assert delivery.num_attempts == 30
    assert [one.number for one in delivery.attempts] == list(range(11, 31))


def test_what_had_its_time_is_forgotten_and_what_waits_is_not(
    store: JobStore, ledger: Ledger, ended: Callable[..., StoredJob], clock: Clock, database: Engine
) -> None:
    old, waits = ended(), ended()
    claims = {claim.job_id: claim for claim in iter(ledger.claim, None)}
    ledger.finish(claims[old.id], GOOD)
    clock.now += 500
    ledger.forget(1000)
    assert len(told(ledger, old)) == 1
    for job in (old, waits):
        found = store.get(job.id)
        assert found is not None
        store.expired(found)
    clock.now += 601
    ledger.forget(1000)
    assert (told(ledger, old), len(told(ledger, waits))) == ([], 1)
    with reading(database) as connection:
        assert connection.scalars(select(webhooks.c.job_id)).all() == [waits.id], "the receiver's URL goes too"
        assert connection.scalars(select(attempts.c.delivery_id)).all() == [only(ledger, waits).id]


def test_counts(ledger: Ledger, ended: Callable[..., StoredJob], clock: Clock) -> None:
    for _ in range(3):
        ended()
    ledger.finish(taken(ledger), GOOD)
    ledger.finish(taken(ledger), Answer(0.1, 400))
    assert ledger.counts() == {"waiting": 1, "delivered": 1, "failed": 1}


def test_a_url_does_not_show_itself(ledger: Ledger, ended: Callable[..., StoredJob]) -> None:
    job = ended()
    assert "hush" not in repr(only(ledger, job)) + repr(taken(ledger)) + repr(ENDS)


def _body(database: Engine, event_id: str) -> str:
    with writing(database) as connection:
        return connection.scalar(select(deliveries.c.body).where(deliveries.c.id == event_id))
