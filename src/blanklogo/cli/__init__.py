"""The command `blanklogo`. One file a command; what is heavy is imported by the command that needs it."""

from __future__ import annotations

import os
import sys

from blanklogo.cli.stop import Stop


def main() -> None:
    """The process: signals are heard from the first moment to the last."""
    stop = Stop()
    stop.listen()
    _open_missing_streams()
    # Matrices here are small: more threads for them only spin. Read when NumPy is first imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        from blanklogo.cli.app import run

        code = run(sys.argv[1:], stop)
        stop.ignore()  # nothing is left to stop; a late signal must not spoil the exit code
    except KeyboardInterrupt:  # an Interruption, and once at most
        code = stop.exit_code
        stop.ignore()
    sys.exit(code)


def _open_missing_streams() -> None:
    """Python has None for a stream that whoever started us has closed; what is said there is then said to nobody."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 (open to the end)
