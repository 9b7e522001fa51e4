"""A workload that does not ask whether to stop, but does come to an end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any


class Stubborn:
    """Takes 3 seconds, whoever wants it to stop."""

    def load(self) -> None: ...

    def run(self, order: dict[str, Any], cancelled: Callable[[], bool]) -> Iterator[dict[str, Any]]:
        time.sleep(3)
        yield {"type": "result", "output": None}

    def close(self) -> None: ...
