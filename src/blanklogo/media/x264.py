"""libx264 so that the same pictures give the same bytes.

Its code for processors with AVX-512 reads, where it weighs macroblocks by what later frames take from them ("mbtree")
and there are B-frames, memory that nobody wrote: seen with core 165 on Intel processors, where every run in a process
that had used its memory before gave another file. Its code for AVX2, which such processors have too, gives one and the
same, as fast.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2

NAME = "libx264"
_AVX_512 = 13  # of cv2.checkHardwareSupport: CV_CPU_AVX_512F
_OWN_SETTINGS = "x264opts"  # FFmpeg's option with settings of x264's own, beside "x264-params"
_REPRODUCIBLE = "asm=avx2"


def reproducible(encoder: str, options: Mapping[str, str]) -> dict[str, str]:
    """An encoder's options, with what makes its bytes depend on the pictures alone on this machine."""
    if encoder != NAME or not cv2.checkHardwareSupport(_AVX_512):
        return dict(options)
    own = options.get(_OWN_SETTINGS)
    return {**options, _OWN_SETTINGS: f"{own}:{_REPRODUCIBLE}" if own else _REPRODUCIBLE}
