"""What a follower tells the outside, not every block: a range and layer at most once in a while.

a report a block  ─→  added up by range and layer  ─→  told: after a while, when the range is
                                                       closed, and at the end
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from chain_assets.core.block_range import BlockRange
from chain_assets.layers.report import LayerReport

# What is told where: Dagster's event log, say. It must not raise: following goes on without it.
Tell = Callable[[LayerReport], None]


def tell_nobody(report: LayerReport) -> None:
    """For followers that report to nobody."""


@dataclass
class _Pending:
    report: LayerReport | None
    told_at: float


class Reports:
    """Reports on their way out. `clock` in seconds, monotonic."""

    def __init__(self, tell: Tell, *, every: float, clock: Callable[[], float]) -> None:
        self._tell, self._every, self._clock = tell, every, clock
        self._pending: dict[tuple[BlockRange, str], _Pending] = {}

    def add(self, report: LayerReport) -> None:
        """Take one more report. The first of a range is told soon, so that it is seen to exist."""
        key = (report.block_range, report.layer)
        pending = self._pending.setdefault(key, _Pending(None, float("-inf")))
        pending.report = report if pending.report is None else _sum(pending.report, report)

    def tell_due(self) -> None:
        """Tell what has waited long enough."""
        now = self._clock()
        for pending in self._pending.values():
            if now - pending.told_at >= self._every:
                self._tell_one(pending)

    def close(self, block_range: BlockRange) -> None:
        """Tell the last of a range, and forget it."""
        for key in [key for key in self._pending if key[0] == block_range]:
            self._tell_one(self._pending.pop(key))

    def tell_all(self) -> None:
        """Tell everything: there is no later."""
        for pending in self._pending.values():
            self._tell_one(pending)

    def _tell_one(self, pending: _Pending) -> None:
        if pending.report is not None:
            self._tell(pending.report)
            pending.report, pending.told_at = None, self._clock()


def _sum(first: LayerReport, second: LayerReport) -> LayerReport:
    """One report of both: what was done is added up, what there is now is the second's."""
    done = {commit.table: commit for commit in first.commits}
    commits = tuple(
        replace(
            commit,
            rows_added=done[commit.table].rows_added + commit.rows_added,
            rows_removed=done[commit.table].rows_removed + commit.rows_removed,
            bytes_added=done[commit.table].bytes_added + commit.bytes_added,
            changed=done[commit.table].changed or commit.changed,
        )
        if commit.table in done
        else commit
        for commit in second.commits
    )
    return replace(
        second,
        written=first.written + second.written,
        removed=first.removed + second.removed,
        commits=commits or first.commits,
        bytes_read=first.bytes_read + second.bytes_read,
        seconds=first.seconds + second.seconds,
        unknown_fields=first.unknown_fields + second.unknown_fields,
    )
