"""Fixtures that several files here use."""

from feigned_internet import internet  # noqa: F401
