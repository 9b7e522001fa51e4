"""Removals on a Ray cluster, or on a Ray that this process starts for itself.

::

    engine.RayEngine       the queue, and how many workers there are
      └─ worker.RayWorker  one worker seen from here: started, given calls, stopped; a thread each
           └─ actor.Actor  the same worker seen from inside: the workload, and a watch on its memory
    calls.RayCall          what the caller holds
    parcel                 local files that go along as bytes when the cluster has other disks
    cluster                joining and leaving; Ray is one for each process
    border                 what Ray raises, as errors of the tree

Ray itself is imported only when an engine is made.
"""

from blanklogo.engines.ray.engine import RayEngine

__all__ = ["RayEngine"]
