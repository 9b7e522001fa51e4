"""What every test runs under."""

from __future__ import annotations

import signal

# Whoever starts the suite in the background, or under nohup, has it ignore these signals, and every command that a test
# starts would inherit that; the tests of stopping send them for real.
for _number, _usual in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGTERM, signal.SIG_DFL),
    (signal.SIGHUP, signal.SIG_DFL),
):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _usual)
