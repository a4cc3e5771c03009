"""What was begun in a range is known until somebody strikes it out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from chain_assets.ops.store import OpsStore

FIRST, SECOND = "000000000000-000000000999", "000000001000-000000001999"


def test_nothing_is_unfinished_in_a_new_store(ops: OpsStore) -> None:
    assert ops.unfinished.keys("base", "layers") == frozenset()


def test_what_was_begun_is_unfinished_until_it_is_ended(ops: OpsStore) -> None:
    ops.unfinished.begin("base", [FIRST, SECOND], "journal", "layers")
    ops.unfinished.begin("base", [FIRST], "layers")
    ops.unfinished.end("base", [FIRST], "layers")
    assert ops.unfinished.keys("base", "layers") == {SECOND}
    assert ops.unfinished.keys("base", "journal") == {FIRST, SECOND}
    assert ops.unfinished.keys("base", "links") == frozenset()


def test_chains_are_told_apart(ops: OpsStore) -> None:
    ops.unfinished.begin("base", [FIRST], "links")
    ops.unfinished.begin("gnosis", [SECOND], "links")
    ops.unfinished.end("gnosis", [FIRST, SECOND], "links")
    assert ops.unfinished.keys("base", "links") == {FIRST}
    assert ops.unfinished.keys("gnosis", "links") == frozenset()


def test_nothing_begun_and_nothing_ended_changes_nothing(ops: OpsStore) -> None:
    ops.unfinished.begin("base", [FIRST], "links")
    ops.unfinished.begin("base", [], "links")
    ops.unfinished.end("base", [], "links")
    assert ops.unfinished.keys("base", "links") == {FIRST}


def test_all_may_begin_the_same_at_once(ops: OpsStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        done = [pool.submit(ops.unfinished.begin, "base", [FIRST], "layers") for _ in range(16)]
        assert [future.result() for future in done] == [None] * 16
    assert ops.unfinished.keys("base", "layers") == {FIRST}
