"""Frozen, self-checking values that every floor speaks in."""

from blanklogo.types.geometry import Box, TimeRange
from blanklogo.types.job import Event, Job, Mode, Networks, Notice, Platform, Progress
from blanklogo.types.limits import MediaLimits
from blanklogo.types.mark import Mark, Matte, PlaneMatte
from blanklogo.types.order import Chunk, Order
from blanklogo.types.report import Cost, PixelShares, Report, TrackReport, Verification
from blanklogo.types.track import Detection, Track

__all__ = [
    "Box",
    "Chunk",
    "Cost",
    "Detection",
    "Event",
    "Job",
    "Mark",
    "Matte",
    "MediaLimits",
    "Mode",
    "Networks",
    "Notice",
    "Order",
    "PixelShares",
    "PlaneMatte",
    "Platform",
    "Progress",
    "Report",
    "TimeRange",
    "Track",
    "TrackReport",
    "Verification",
]
