"""What a supervisor does about a worker that no real engine gives on demand."""

from __future__ import annotations

import threading

import pytest

from blanklogo.engines.base import Message
from blanklogo.engines.call import LocalCall
from blanklogo.engines.desk import Badge, Desk
from blanklogo.engines.spec import EngineSpec
from blanklogo.engines.supervisor import Sample, Supervisor
from blanklogo.errors import CrashError

SPEC = EngineSpec(max_workers=1, retries=5)


class Fleeting:
    """Loads, takes an order, and is gone before it begins."""

    def __init__(self) -> None:
        self._is_ready_told = False

    def send(self, message: Message) -> None: ...

    def receive(self, timeout_seconds: float) -> Message | None:
        if self._is_ready_told:
            raise EOFError
        self._is_ready_told = True
        return {"kind": "ready"}

    def is_alive(self) -> bool:
        return True

    def how_it_ended(self) -> str:
        return "exit code 7"

    def sample(self) -> Sample:
        return Sample()

    def wait(self, timeout_seconds: float) -> bool:
        return True

    def kill(self) -> None: ...


def test_workers_that_die_before_they_begin_are_not_started_for_ever() -> None:
    started: list[Fleeting] = []

    def start() -> Fleeting:
        started.append(Fleeting())
        return started[-1]

    def hire(badge: Badge) -> None:
        threading.Thread(target=Supervisor(desk, badge, SPEC, start, None).run, daemon=True).start()

    desk = Desk(SPEC, 1, hire)
    call = LocalCall({}, desk.withdraw)
    desk.put(call)
    with pytest.raises(CrashError, match=r"died before it began.*exit code 7"):
        call.result(30)
    desk.close(is_patient=False)
    assert len(started) == 4  # the first, and three more
