"""Files: where they are kept (`store`), by which URLs others fetch and bring them (`signing`, `routes`), and how a
large one comes over a line that breaks (`tus`).
"""

from blanklogo.service.storage.opening import open_storage
from blanklogo.service.storage.signing import ServiceUrls
from blanklogo.service.storage.store import Stat, Storage, Stored

__all__ = ["ServiceUrls", "Stat", "Storage", "Stored", "open_storage"]
