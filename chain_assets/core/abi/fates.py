"""What became of each row while its bytes are decoded: still good, or undecoded and why.

The decoder works on all rows of a batch at once, so a bad row must not raise: it gets a reason
here and takes no further part. The same record bounds what a row may grow to.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Mask = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.int64]

# A pointer may lead to bytes that another pointer leads to as well, and so on level by level: a
# kilobyte can spell an array of billions ("ABI bomb"). A value laid out without such sharing is
# never larger than its data; compact encoders share some (one empty `bytes` for many arguments).
# Sixteen times the data is beyond what they gain and still harmless.
MAX_GROWTH = 16
# Nothing on a chain comes near this; it keeps a batch below the 2 GiB of an Arrow string array.
MAX_DECODED_BYTES = 1 << 28


class RowFates:
    """Reasons and budgets of the rows of one batch, by row index."""

    def __init__(self, sizes: Positions) -> None:
        """`sizes`: how many bytes of data each row has."""
        self._code = np.zeros(len(sizes), np.int32)
        self._texts: list[str | None] = [None]
        self._budget = np.minimum(sizes * MAX_GROWTH, MAX_DECODED_BYTES)

    def good(self, rows: Positions) -> Mask:
        """For each of `rows` (a row index may occur many times) whether it is good so far."""
        return np.asarray(self._code[rows] == 0)

    def all_good(self) -> Mask:
        """One flag for each row of the batch."""
        return np.asarray(self._code == 0)

    def require(self, rows: Positions, holds: Mask, reason: str) -> None:
        """Give `reason` to those of `rows` where `holds` is false. A row's first reason stays."""
        if holds.all():
            return
        failed = rows[~holds]
        failed = failed[self._code[failed] == 0]
        if failed.size:
            self._code[failed] = len(self._texts)
            self._texts.append(reason)

    def spend(self, rows: Positions, sizes: Positions, path: str) -> None:
        """Charge the bytes of values about to be decoded to their rows, before memory is taken."""
        if not rows.size:
            return
        # Sums of at most 2^53 are exact in the float64 that bincount adds in.
        spent = np.bincount(rows, weights=np.where(self.good(rows), sizes, 0))
        self._budget[: len(spent)] -= spent.astype(np.int64)
        everyone = np.arange(len(self._budget))
        self.require(
            everyone,
            self._budget >= 0,
            f"argument {path}: the value is more than {MAX_GROWTH} times as large as the data",
        )

    def reasons(self) -> Any:
        """Each row's reason as an Arrow string array, null where the row is good."""
        return pa.array(self._texts, pa.string()).take(pa.array(self._code))
