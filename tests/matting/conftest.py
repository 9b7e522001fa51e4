from __future__ import annotations

import cv2
import pytest


@pytest.fixture(autouse=True)
def one_thread():
    """Small pictures are slower, and machines with many workers much slower, with OpenCV's threads."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    yield
    cv2.setNumThreads(before)
