"""What every test runs under."""

from __future__ import annotations

import signal

# A shell that starts the suite in the background has it ignore Ctrl-C, and every command that a test starts would
# inherit that; the tests of stopping send it for real.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
