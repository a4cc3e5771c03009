"""What a follower tells, and what it waits on."""

from __future__ import annotations

import threading
import time

from chain_assets.core.block_range import BlockRange
from chain_assets.layers.follow_reports import Reports
from chain_assets.layers.following import Bell
from chain_assets.layers.report import LayerReport


def _report(layer: str, written: int) -> LayerReport:
    return LayerReport(
        layer, "devnet", BlockRange(0, 10), frozenset(), written, 0, (), 10, 1.0, "v"
    )


def test_reports_are_added_up_and_told_now_and_then_and_at_the_end() -> None:
    now, told = [0.0], list[LayerReport]()
    reports = Reports(told.append, every=60, clock=lambda: now[0])
    reports.add(_report("raw", 1))
    reports.tell_due()
    assert [report.written for report in told] == [1]
    for _ in range(3):
        now[0] += 10
        reports.add(_report("raw", 2))
        reports.tell_due()
    assert len(told) == 1
    now[0] += 30
    reports.tell_due()
    assert (told[-1].written, told[-1].bytes_read, len(told)) == (6, 30, 2)
    reports.add(_report("raw", 5))
    reports.close(BlockRange(0, 10))
    reports.close(BlockRange(0, 10))
    reports.add(_report("decoded", 7))
    reports.tell_all()
    reports.tell_all()
    assert [report.written for report in told[2:]] == [5, 7]


def test_a_bell_wakes_at_once_and_a_stop_soon() -> None:
    bell = Bell()
    threading.Timer(0.05, bell.ring).start()
    started = time.monotonic()
    bell.wait(30)
    bell.stop()
    bell.wait(30)
    assert time.monotonic() - started < 10
