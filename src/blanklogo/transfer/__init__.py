"""Media from where it lives to this machine, and results back: paths, file:, http(s):, s3:, gs:, az:, and bytes.

`places` is what others call; `web` speaks HTTP, `objects` speaks to object stores. Both stream in pieces, so that
memory does not grow with the media, and ask between pieces whether to stop.
"""

from blanklogo.transfer.places import check_deliverable, deliver, fetch, local_path, scratch_name

__all__ = ["check_deliverable", "deliver", "fetch", "local_path", "scratch_name"]
