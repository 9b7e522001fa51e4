"""Removals on a Ray cluster, or on a Ray that this process starts for itself.

`engine` is what callers see, `worker` a worker from outside, `actor` one from inside; `cluster` joins and leaves Ray,
`border` says what Ray raises in our words. Where calls wait and how a worker is held to its limits is the pool's way
too (`engines.desk`, `engines.supervisor`).

Ray itself is imported only when an engine is made.
"""

from blanklogo.engines.ray.engine import RayEngine

__all__ = ["RayEngine"]
