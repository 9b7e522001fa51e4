"""Where marks are, and when: evidence over time, without a network."""

from blanklogo.detection.evidence import detect_marks
from blanklogo.detection.samples import LumaSample

__all__ = ["LumaSample", "detect_marks"]
