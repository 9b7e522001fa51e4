"""Kill -9 wherever it hurts: every event is told, and is over once in the log."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from receiver import PATIENCE_SECONDS, Receiver, receiving
from running import User, client
from serving_process import served
from sqlalchemy import Engine

from blanklogo.service.jobs.intake import Caller, Intake, Wish
from blanklogo.service.jobs.states import State
from blanklogo.service.jobs.store import JobStore
from blanklogo.service.webhooks.ledger import Ledger
from blanklogo.service.webhooks.message import EventName
from blanklogo.service.webhooks.outbox import Webhook

NUM_JOBS = 40
NUM_KILLS = 5

# Ends one job and is gone before anything else can happen.
ENDING = """
import os, signal, sys
from blanklogo.service.database import open_database
from blanklogo.service.jobs.job import Run
from blanklogo.service.jobs.states import State
from blanklogo.service.jobs.store import JobStore
store = JobStore(open_database(sys.argv[1]))
assert store.end(Run(sys.argv[2], 1), State.COMPLETED, outcome="clean")
os.kill(os.getpid(), signal.SIGKILL)
"""

# Delivers until it is killed.
DELIVERING = """
import sys, time
from pathlib import Path
from blanklogo.service.database import open_database
from blanklogo.service.storage.keyring import from_folder
from blanklogo.service.webhooks.courier import Courier, Load
from blanklogo.service.webhooks.delivery import Patience
from blanklogo.service.webhooks.ledger import Ledger
from blanklogo.service.webhooks.sending import Sender
from blanklogo.service.webhooks.signing import Secrets
from blanklogo.transfer.guard.policy import Policy
database, patience = open_database(sys.argv[1]), Patience(0.5, (0.1, 0.1))
secrets, sender = Secrets(database, from_folder(Path(sys.argv[2]))), Sender(Policy.allowing("127.0.0.1"), 5)
courier = Courier(Ledger(database, patience), secrets, sender, 1e6, Load(4, 4, 0.05))
courier.start()
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def courier(database_url: str, tmp_path: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that deliver; call `start` for each."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def start(started: list[subprocess.Popen[str]], database_url: str, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", DELIVERING, database_url, str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    started.append(process)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def under_way(database: Engine, number: int, url: str) -> list[str]:
    """The ids of jobs that are being worked on."""
    store = JobStore(database)
    wish = Wish({}, "https://example.com/a.mp4", webhook=Webhook(url, (EventName.COMPLETED,)))
    jobs = Intake(store).create(Caller("own_ann", "tok_a", "req_1"), [wish] * number).jobs
    for job in jobs:
        store.begin(job.run)
    return [job.id for job in jobs]


def until_over(ledger: Ledger) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while ledger.counts()["waiting"] and time.monotonic() < end:  # type: ignore[index]  # a StrEnum is its text
        time.sleep(0.05)


def test_a_kill_between_an_end_and_its_telling_loses_nothing(
    database: Engine, database_url: str, receiver: Receiver, courier: list[subprocess.Popen[str]], tmp_path: Path
) -> None:
    (job_id,) = under_way(database, 1, receiver.url)
    ending = subprocess.run([sys.executable, "-c", ENDING, database_url, job_id], check=False)
    assert ending.returncode == -signal.SIGKILL
    ledger = Ledger(database)
    (waits,), _ = ledger.page(job_id)
    assert (waits.state, waits.num_attempts, receiver.told) == ("waiting", 0, [])
    start(courier, database_url, tmp_path)
    until_over(ledger)
    (delivered,), _ = ledger.page(job_id)
    assert (delivered.id, delivered.state, delivered.num_attempts) == (waits.id, "delivered", 1)
    (told,) = receiver.told
    assert (told.event["event"], told.event["data"]["outcome"]) == ("job.completed", "clean")


def test_couriers_that_are_killed_again_and_again_tell_everything(
    database: Engine, database_url: str, receiver: Receiver, courier: list[subprocess.Popen[str]], tmp_path: Path
) -> None:
    store, ledger, chance = JobStore(database), Ledger(database), random.Random(5)
    jobs = under_way(database, NUM_JOBS, receiver.url)
    two = [start(courier, database_url, tmp_path) for _ in range(2)]
    for number, job_id in enumerate(jobs):
        found = store.get(job_id)
        assert found is not None
        store.end(found.run, State.COMPLETED)
        if number % (NUM_JOBS // NUM_KILLS) == 0:
            time.sleep(chance.uniform(0, 0.1))
            two.pop(0).kill()
            two.append(start(courier, database_url, tmp_path))
    until_over(ledger)
    for job_id in jobs:
        (delivery,), total = ledger.page(job_id)
        assert (delivery.state, total) == ("delivered", 1)
        assert [one.status for one in delivery.attempts].count(204) == 1
    heard = Counter(told.event["id"] for told in receiver.told)
    assert len(heard) == NUM_JOBS
    assert heard.total() <= NUM_JOBS + 4 * NUM_KILLS, "a kill costs at most what was under way"


def test_a_service_that_is_killed_while_it_tells_tells_it_again(tmp_path: Path) -> None:
    variables = {"BLANKLOGO_ALLOWED_HOSTS": "127.0.0.1", "BLANKLOGO_SERVICE_WEBHOOK_SECONDS": "1"}
    wished = {"webhook_events": '["job.failed"]'}
    with receiving() as receiver:
        receiver.held.clear()
        with served(tmp_path / "data", **variables) as service, client(service.url, service.token) as http:
            token = service.token
            no_video = b"\0\0\0\x18ftypmp42" + bytes(2000)
            job_id = User(http).upload(no_video, webhook_url=receiver.url, **wished)["job_id"]
            receiver.until(1)
            assert User(http).get(f"/api/v1/jobs/{job_id}")["status"] == "failed", "an end waits for no receiver"
            service.kill()
        receiver.held.set()
        with served(tmp_path / "data", **variables) as service, client(service.url, token) as http:
            first, second, *_ = receiver.until(2)
            assert (first.event["event"], first.body) == ("job.failed", second.body)
            path, end = f"/api/v1/jobs/{job_id}/deliveries", time.monotonic() + PATIENCE_SECONDS
            while (listed := User(http).get(path))["deliveries"][0]["status"] == "waiting" and time.monotonic() < end:
                time.sleep(0.05)
            (delivery,) = listed["deliveries"]
            assert delivery["status"] == "delivered"
            assert delivery["id"] == first.event["id"]
            assert delivery["attempts"][-1]["status"] == 204
            assert service.stop() == 0
