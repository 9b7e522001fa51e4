"""A flow, played by itself: what it asks for is written down, and what it is told stands written before."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from blanklogo.client.effects import Answer, Flow, LineError, Open, Request, Send, Sleep, T


class Played:
    """One run of a flow.

    Attributes:
        requests: that it sent.
        sleeps: for how many seconds it waited.
    """

    def __init__(self, answers: Iterable[Answer | LineError]) -> None:
        self._answers = list(answers)
        self.requests: list[Request] = []
        self.sleeps: list[float] = []

    def run(self, flow: Flow[T]) -> T:
        """What it returns. Raises what it raises."""
        told: Any = None
        try:
            while True:
                effect = flow.throw(told) if isinstance(told, LineError) else flow.send(told)
                told = self._did(effect)
        except StopIteration as end:
            assert not self._answers, "answers that nobody asked for"
            return end.value

    def _did(self, effect: Any) -> Any:
        if isinstance(effect, Send | Open):
            self.requests.append(effect.request)
            return self._answers.pop(0)
        assert isinstance(effect, Sleep), effect
        self.sleeps.append(effect.seconds)
        return None


def answer(status: int = 200, told: Any = None, **headers: str) -> Answer:
    """With JSON as its body."""
    kind = "application/problem+json" if status >= 400 else "application/json"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"content-type": kind, **named}, json.dumps({} if told is None else told).encode())


def problem(status: int, code: str, detail: str = "something", **more: Any) -> Answer:
    """As the service says it."""
    fields = {"type": "about:blank", "title": "Title", "status": status, "code": code, "detail": detail, **more}
    return answer(status, {"request_id": "req_0123456789abcdef", **fields})
