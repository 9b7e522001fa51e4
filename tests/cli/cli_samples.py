"""Reports and mattes as the library gives them."""

from __future__ import annotations

from typing import Any

import numpy as np

from blanklogo.types import Box, Matte, PixelShares, PlaneMatte, Report, TimeRange, TrackReport, Verification


def a_report(status: str = "clean", **changes: Any) -> Report:
    fields: dict[str, Any] = {
        "mode": "auto",
        "platform": None,
        "input_size_mb": 2.4,
        "output_size_mb": 2.3,
        "frames_processed": 300,
        "watermarks_detected": 1,
        "processing_time_s": 6.12,
        "tracks": (TrackReport(Box(24, 18, 204, 82), (TimeRange(0, 65.5),), 0.97, "unblend", "evidence", 0, 7.3),),
        "pixels": PixelShares(unblended=0.93, inpainted=0.07),
        "verify": Verification(status, residue=0.012, residue_worst=0.02, psnr_outside_db=51.3),
    }
    return Report(**fields | changes)


def no_mark_report() -> Report:
    return a_report("no_mark", watermarks_detected=0, tracks=(), pixels=PixelShares(), verify=Verification("no_mark"))


def a_matte() -> Matte:
    sizes = [(64, 180), (32, 90), (32, 90)]
    planes = tuple(
        PlaneMatte(*(np.full(size, 0.6, np.float32) for _ in range(5)), support=np.ones(size, bool)) for size in sizes
    )
    return Matte(Box(24, 18, 204, 82), planes, "blind", 7.31)
