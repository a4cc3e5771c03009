"""Which of the two routes decodes: numba's kernels, or NumPy and Arrow alone."""

from __future__ import annotations

import sys
from functools import lru_cache
from importlib.util import find_spec
from typing import Literal

Route = Literal["compiled", "plain"]


@lru_cache(maxsize=1)
def default_route() -> Route:
    """The route for this installation. The kernels read words as little-endian machines do."""
    usable = find_spec("numba") is not None and sys.byteorder == "little"
    return "compiled" if usable else "plain"
