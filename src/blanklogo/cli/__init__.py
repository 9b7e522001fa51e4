"""The command `blanklogo`. One file a command; what is heavy is imported by the command that needs it."""

from __future__ import annotations

import os
import sys

from blanklogo.cli.stop import Stop


def main() -> None:
    """The process: signals are heard from the first moment to the last."""
    stop = Stop()
    stop.listen()
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
