"""Partitions that a person adds in Dagster's pages: any text is one, at any place."""

from __future__ import annotations

from chain_assets.core.schemas.enriched import BLOCKS
from chain_assets.defs.names import partitions_name
from chain_assets.defs.partitions import open_up_to, registered_keys
from chain_assets_tests.defs.lab import Lab, failure_of

ODD, TEXT, FAR = "000000000000-000000000019", "everything", "000000000500-000000000509"


def add(lab: Lab, *keys: str) -> None:
    lab.instance.add_dynamic_partitions(partitions_name(lab.chain), list(keys))


def test_the_sensor_goes_on_opening_ranges_beside_them(lab: Lab) -> None:
    lab.open_ranges()
    add(lab, TEXT, FAR, ODD)
    lab.devnet.advance(10)
    lab.follow()
    assert lab.numbers(BLOCKS)[-1] == lab.devnet.head == 34
    lab.devnet.advance(10)
    open_up_to(lab.chain, lab.devnet.head, lab.instance)
    opened = registered_keys(lab.chain, lab.instance)
    assert [key[:12] for key in opened[-2:]] == ["000000000030", "000000000040"]


def test_a_tick_names_those_that_are_no_ranges_of_the_chain(lab: Lab) -> None:
    lab.open_ranges()
    add(lab, TEXT, ODD)
    lab.follow()
    told = str(lab.sensor_tick().skip_reason)
    assert f"2 partitions are no ranges of the chain ({TEXT!r}, {ODD!r}): delete them" in told


def test_a_tick_says_which_ranges_are_behind_that_cannot_be_opened(lab: Lab) -> None:
    add(lab, FAR)
    told = str(lab.sensor_tick().skip_reason)
    assert "every other range holds what the chain has; 2 ranges are behind that are no" in told
    assert "chain-assets catch-up loads them" in told


def test_no_run_takes_one_that_is_no_range_of_the_chain(lab: Lab) -> None:
    keys = lab.open_ranges()
    add(lab, ODD, TEXT)
    assert lab.run(*keys).success
    for key in (ODD, TEXT):
        failed = lab.run_tagged({"dagster/partition": key})
        assert not failed.success
        assert f"the partition {key!r} is no range of blocks of lab-net" in failure_of(failed)
    assert lab.numbers(BLOCKS) == list(range(25))
