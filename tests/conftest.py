"""What every test runs under."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import cv2
import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")  # a machine with something else to do is no error

# Whoever starts the suite in the background, or under nohup, has it ignore these signals, and every command that a test
# starts would inherit that; the tests of stopping send them for real.
for _number, _usual in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGTERM, signal.SIG_DFL),
    (signal.SIGHUP, signal.SIG_DFL),
):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _usual)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small pictures are slower, and machines with many workers much slower, with OpenCV's threads."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    yield
    cv2.setNumThreads(before)
