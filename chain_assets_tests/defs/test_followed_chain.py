"""While a follower is at a chain, the sensor leaves open ranges to it; afterwards it takes them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from chain_assets.assembly import open_ops, open_source
from chain_assets.chains import DevnetShape
from chain_assets.core.abi.registry import load_registry
from chain_assets.core.schemas.enriched import BLOCKS
from chain_assets.defs.partitions import registered_keys
from chain_assets.defs.resources import build_resources
from chain_assets.defs.writing import BLOCKS_TAG
from chain_assets.engine.local import LocalEngine
from chain_assets.layers.following import Bell, follow, follower_key
from chain_assets.layers.pipeline import Parts, Writer
from chain_assets.ops.store import OpsStore
from chain_assets.sources.devnet import Fault, Faults
from chain_assets_tests.defs.lab import CHAIN, Lab, open_lab

RANGES = [f"{first:012d}-{first + 9:012d}" for first in range(0, 40, 10)]


@pytest.fixture
def ops(lab: Lab) -> Iterator[OpsStore]:
    with open_ops(lab.settings, lab.tables) as store:
        yield store


@contextmanager
def following(lab: Lab) -> Iterator[None]:
    """A real follower of the chain, in a thread, that has come up to the head."""
    bell, head = Bell(), lab.devnet.head
    with open_ops(lab.settings, lab.tables) as store:
        writer = Writer(lab.tables, store, "a follower", patient=True)
        parts = Parts(open_source(lab.chain), writer, LocalEngine(1), load_registry(None))
        thread = threading.Thread(
            target=follow, args=(lab.chain, parts, bell), kwargs={"pause": lambda: 0.1}
        )
        thread.start()
        try:
            reach(lab, head)
            yield
        finally:
            bell.stop()
            thread.join(60)


def reach(lab: Lab, number: int) -> None:
    end = time.monotonic() + 60
    while number not in lab.numbers(BLOCKS):
        assert time.monotonic() < end
        time.sleep(0.1)


def test_the_follower_takes_the_head_and_the_sensor_takes_over_when_it_stops(lab: Lab) -> None:
    with following(lab):
        lab.devnet.advance(3)
        result = lab.sensor_tick()
        assert not result.run_requests
        assert registered_keys(lab.chain, lab.instance) == RANGES[:3], "ranges are opened still"
        assert "3 ranges are opened; open ranges are left to" in str(result.skip_reason)
        reach(lab, 27)
        reason = str(lab.sensor_tick().skip_reason)
        assert "open ranges are left to the chain's follower; of the others: every" in reason
    lab.devnet.advance(2)
    (request,) = lab.sensor_tick().run_requests or ()
    assert request.partition_key == RANGES[2]
    assert lab.run_request(request).success
    # Also the range before the head's: not all of it was final when the follower began.
    assert lab.numbers(BLOCKS) == list(range(10, 30))
    assert "follower" not in str(lab.sensor_tick().skip_reason)


def test_history_behind_open_ranges_is_the_sensors_where_it_fills_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_up = replace(CHAIN, source="devnet", devnet=DevnetShape(blocks=45))
    with (
        open_lab(tmp_path, monkeypatch, chain=made_up, blocks=45) as lab,
        open_ops(lab.settings, lab.tables) as store,
        store.held(follower_key(lab.chain), owner="a follower"),
    ):
        (request,) = lab.follow()
        assert request.tags["dagster/asset_partition_range_start"] == RANGES[0]
        assert request.tags["dagster/asset_partition_range_end"] == RANGES[2]
        # The newest of those is where the follower goes on, as long as it is the newest.
        assert lab.numbers(BLOCKS) == list(range(30))


def test_held_blocks_of_open_ranges_are_left_and_those_of_closed_ones_are_not(
    lab: Lab, ops: OpsStore
) -> None:
    held = frozenset({4, 12, 22})
    lab.devnet.faults = Faults(rules=(Fault(kind="null_block", blocks=held),))
    lab.run(*lab.open_ranges())
    lab.devnet.faults = Faults()
    ops.holds.wake(lab.chain.name, numbers=sorted(held))
    with ops.held(follower_key(lab.chain), owner="a follower"):
        (request,) = lab.sensor_tick().run_requests or ()
        assert (request.partition_key, request.tags[BLOCKS_TAG]) == (RANGES[0], "4")
        lab.run_request(request)
        assert not lab.sensor_tick().run_requests
    asked = []
    while requests := lab.sensor_tick().run_requests:
        asked += [request.tags[BLOCKS_TAG] for request in requests]
        lab.run_request(requests[0])
    assert asked == ["12", "22"]
    assert lab.numbers(BLOCKS) == list(range(25))


def test_the_daily_run_leaves_them_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        open_lab(tmp_path, monkeypatch, on_disk=True) as lab,
        open_ops(lab.settings, lab.tables) as store,
    ):
        lab.run(*lab.open_ranges())
        resources = build_resources(lab.settings)
        with (
            dg.build_schedule_context(
                instance=lab.instance,
                resources={name: resources[name] for name in ("lake", "ops", "sources")},
                scheduled_execution_time=datetime(2026, 1, 2, 3, 17, tzinfo=UTC),
            ) as context,
            store.held(follower_key(lab.chain), owner="a follower"),
        ):
            answer = lab.definitions.resolve_schedule_def("lab_net_daily")(context)
    assert isinstance(answer, list)
    assert [request.partition_key for request in answer] == [RANGES[0]]
