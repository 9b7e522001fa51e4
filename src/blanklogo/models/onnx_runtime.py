"""ONNX Runtime, imported so that it stays silent.

Its builds for Linux, too, send usage events to their maker unless told otherwise (seen in 1.32: a session file `.ses`
in the temporary folder, and the collector's address in the library). Videos are private, and nothing here goes over the
wire unasked. The variable must be set before the import.
"""

from __future__ import annotations

import os
from typing import Any


def onnx_runtime() -> Any:
    """The module `onnxruntime`. Raises ImportError where it is not installed."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    return onnxruntime
