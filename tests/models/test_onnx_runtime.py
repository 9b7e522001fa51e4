"""ONNX Runtime sends nothing and leaves nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from blanklogo.models.registry import shipped
from blanklogo.models.weights import SHIPPED_FOLDER


def test_a_session_leaves_no_trace_of_telemetry(tmp_path: Path) -> None:
    model = SHIPPED_FOLDER / shipped()[0].file_name
    program = (
        "import os, sys; from blanklogo.models.session import open_session; open_session(sys.argv[1], 'cpu');"
        "print(os.environ['ORT_DISABLE_TELEMETRY'])"
    )
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run(
        [sys.executable, "-c", program, str(model)],
        env=environment | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "1\n"
    assert not list(tmp_path.iterdir())
