"""Names for arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.floating]
"""Code values, alphas, variances. float32 by convention; NumPy's type stubs do not keep it through arithmetic."""

Mask = NDArray[np.bool_]
"""Where: True is in."""
