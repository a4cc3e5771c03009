"""What a run of the kernel works on: arrays that Python makes and compiled code changes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np



# Where a slot or a kind is asked for and there is none.
NOTHING = -1
MAX_UNKNOWN = 64

# One row a key that no slot has: the kind of its objects, how often it stood in the documents taken
# and in the one being read, and the row of the object where it stood last.
UNKNOWN_FIELDS = np.dtype(
    [(name, np.int64) for name in ("kind", "length", "count", "pending", "row")]
)


class Work(NamedTuple):
    """Structured arrays by SLOT_FIELDS, KIND_FIELDS and UNKNOWN_FIELDS, and plain ones.

    `keys` and `unknown_texts` hold a key a row; `buckets[kind, hash]` is a slot or NOTHING;
    `window` is turn and shift, see scan.py; `tail` is the copy of a payload's last bytes.
    """

    slots: Any
    kinds: Any
    keys: Any
    buckets: Any
    unknown: Any
    unknown_texts: Any
    window: Any
    tail: Any
