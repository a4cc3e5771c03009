"""Holds: blocks that failed, their next try, and what people do about them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chain_assets.ops.audit import AuditLine
from chain_assets.ops.hold_rules import Failure, Stage
from chain_assets.ops.resting import Resting
from chain_assets.ops.store import OpsStore
from chain_assets_tests.ops.clock import START, Clock

RANGE = "000000000000-000000000999"


def failed(number: int, stage: Stage = "enrich", **values: object) -> Failure:
    return replace(Failure(number, stage, RANGE, "no price"), **values)  # type: ignore[arg-type]


def numbers_due(ops: OpsStore) -> list[int]:
    return [hold.number for hold in ops.holds.due("base")]


def told(ops: OpsStore) -> AuditLine:
    return ops.audit.lines("base", limit=1)[0]


def test_a_failed_block_is_held_with_all_that_is_known_of_it(ops: OpsStore) -> None:
    failure = Failure(
        17,
        "enrich",
        RANGE,
        "no price of the native token",
        hash=b"\x17" * 32,
        missing=("price:native", "token:0xa0b8"),
        seen="prices of 2023-11-14",
    )
    (hold,) = ops.holds.put("base", [failure])
    assert ops.holds.find() == (hold,)
    assert {name: getattr(hold, name) for name in vars(failure)} == vars(failure)
    assert (hold.chain, hold.attempts, hold.state) == ("base", 1, "waiting")
    assert (hold.first_at, hold.last_at, hold.next_try_at) == (START, START, START + 30)


def test_a_held_block_is_due_when_its_wait_is_over_and_each_wait_is_longer(
    ops: OpsStore, clock: Clock
) -> None:
    for wait in (30, 60, 120, 240, 480, 960, 1500, 1500):
        ops.holds.put("base", [failed(1)])
        clock.sleep(wait - 1)
        assert numbers_due(ops) == []
        clock.sleep(1)
        assert numbers_due(ops) == [1]


def test_what_was_put_while_the_clock_was_ahead_is_due_once_it_is_set_right(
    ops: OpsStore, clock: Clock
) -> None:
    clock.sleep(86_400)
    ops.holds.put("base", [failed(1)])
    clock.sleep(-86_400)
    assert numbers_due(ops) == [1]
    assert ops.holds.resting("base") == {}
    assert ops.holds.resting_blocks("base", RANGE) == set()
    ops.holds.put("base", [failed(1)])
    assert numbers_due(ops) == [], "it waits as any other"


def test_what_rests_is_counted_by_range_each_block_once_and_without_what_is_due(
    ops: OpsStore, clock: Clock
) -> None:
    later = "000000001000-000000001999"
    ops.holds.put("base", [failed(1), failed(2), failed(2, "prove")])
    ops.holds.put("base", [failed(n, "decode", block_range=later) for n in (1000, 1001)])
    ops.holds.put("other", [failed(3)])
    assert ops.holds.resting("base") == {RANGE: Resting(2, False), later: Resting(2, False)}
    assert {number for number, _ in ops.holds.resting_blocks("base", RANGE)} == {1, 2}
    ops.holds.drop("base", [1001], who="ada", why="no such contract")
    clock.sleep(60)
    assert ops.holds.resting("base") == {later: Resting(1, True)}
    assert ops.holds.resting_blocks("base", RANGE) == set()
    ops.holds.put("base", [failed(4, "fetch")])
    assert ops.holds.resting("base")[RANGE] == Resting(1, True), "its blob may have been lost"


def test_many_blocks_are_held_and_healed_in_one_call_each(ops: OpsStore) -> None:
    put = ops.holds.put("base", [failed(n) for n in range(2000)] + [failed(5, "prove")])
    assert len(put) == len(ops.holds.find("base")) == 2001
    assert told(ops).subject == "enrich: 0-1999"
    assert ops.holds.settle("base", "enrich", range(0, 2000, 2)) == 1000
    assert [h.number for h in ops.holds.find("base", stage="enrich")] == list(range(1, 2000, 2))
    assert ops.holds.find("base", stage="prove")[0].number == 5


def test_nothing_that_failed_changes_nothing(ops: OpsStore) -> None:
    assert ops.holds.put("base", []) == ()
    assert ops.holds.settle("base", "fetch", [1, 2, 3]) == 0
    assert ops.holds.wake("base", numbers=[1], missing=["label"]) == 0
    assert ops.audit.lines() == ()


def test_of_two_failures_of_a_block_and_stage_the_last_counts_once(ops: OpsStore) -> None:
    (hold,) = ops.holds.put("base", [failed(1, reason="first"), failed(1, reason="second")])
    assert (hold.reason, hold.attempts) == ("second", 1)


def test_a_block_is_held_on_its_own_chain_and_stage_only(ops: OpsStore) -> None:
    ops.holds.put("base", [failed(1, "fetch"), failed(1, "enrich")])
    ops.holds.put("gnosis", [failed(1, "fetch")])
    assert ops.holds.settle("base", "fetch", [1]) == 1
    assert [(hold.chain, hold.stage) for hold in ops.holds.find()] == [
        ("base", "enrich"),
        ("gnosis", "fetch"),
    ]


def test_a_block_that_fails_too_often_is_a_dead_letter(ops: OpsStore, clock: Clock) -> None:
    for _ in range(12):
        (hold,) = ops.holds.put("base", [failed(1)])
        clock.sleep(1800)
    assert (hold.attempts, hold.state) == (12, "dead")
    assert numbers_due(ops) == []
    assert ops.holds.find(state="dead") == (hold,)
    assert told(ops).detail == {"reasons": ["no price"], "dead": ["1"]}


def test_what_was_missing_wakes_all_that_wait_for_it_at_once(ops: OpsStore, clock: Clock) -> None:
    ops.holds.put(
        "base",
        [
            failed(1, missing=("price:native",)),
            failed(2, missing=("token:0xa", "label")),
            failed(3, missing=("token:0xb",)),
            failed(4),
        ],
    )
    assert ops.holds.wake("base", missing=["label", "price:native"]) == 2
    assert numbers_due(ops) == [1, 2]
    assert told(ops).detail == {"missing": ["label", "price:native"]}
    assert ops.holds.wake("base", numbers=[4]) == 1
    assert numbers_due(ops) == [1, 2, 4]
    clock.sleep(30)
    assert numbers_due(ops) == [1, 2, 3, 4]


def test_a_dead_letter_that_is_woken_has_one_more_try(ops: OpsStore) -> None:
    for _ in range(12):
        ops.holds.put("base", [failed(1, missing=("label",))])
    ops.holds.wake("base", missing=["label"])
    assert numbers_due(ops) == [1]
    (hold,) = ops.holds.put("base", [failed(1)])
    assert (hold.attempts, hold.state) == (13, "dead")


def test_a_person_has_a_dead_letter_tried_as_often_again(ops: OpsStore) -> None:
    for _ in range(12):
        ops.holds.put("base", [failed(1), failed(2)])
    assert ops.holds.retry("base", [1], who="ann") == 1
    assert numbers_due(ops) == [1]
    assert (told(ops).actor, told(ops).action) == ("ann", "blocks to be tried again")
    assert ops.holds.put("base", [failed(1)])[0].attempts == 1


def test_a_block_that_a_person_dropped_stays_so_until_a_person_retries_it(
    ops: OpsStore, clock: Clock
) -> None:
    ops.holds.put("base", [failed(1, missing=("label",)), failed(2)])
    assert ops.holds.drop("base", [1], who="ann", why="a testnet's joke") == 1
    assert (told(ops).actor, told(ops).detail) == ("ann", {"why": "a testnet's joke"})
    assert ops.holds.wake("base", numbers=[1], missing=["label"]) == 0
    assert ops.holds.put("base", [failed(1)])[0].state == "dropped"
    clock.sleep(86_400)
    assert numbers_due(ops) == [2]
    assert ops.holds.retry("base", [1], who="ann") == 1
    assert numbers_due(ops) == [1, 2]


@pytest.mark.parametrize("dropped", [False, True], ids=["waiting", "dropped"])
def test_another_block_in_its_place_starts_anew(ops: OpsStore, clock: Clock, dropped: bool) -> None:
    for _ in range(3):
        ops.holds.put("base", [failed(1, hash=b"\x01" * 32)])
    if dropped:
        ops.holds.drop("base", [1], who="ann", why="")
    clock.sleep(100)
    (hold,) = ops.holds.put("base", [failed(1, hash=b"\x02" * 32)])
    assert (hold.attempts, hold.first_at, hold.state) == (1, START + 100, "waiting")


def test_a_failure_that_names_no_hash_is_one_of_the_block_known_before(ops: OpsStore) -> None:
    ops.holds.put("base", [failed(1, hash=b"\x01" * 32)])
    (hold,) = ops.holds.put("base", [failed(1)])
    assert (hold.attempts, hold.hash) == (2, b"\x01" * 32)


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["put", "settle", "wake", "retry", "drop"]),
        st.sets(st.integers(0, 4), max_size=3),
    ),
    max_size=12,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(actions=ACTIONS)
def test_any_history_holds_what_failed_and_did_not_heal(
    ops: OpsStore, clock: Clock, actions: list[tuple[str, set[int]]]
) -> None:
    """Against a model: number → (attempts, state)."""
    ops.holds.settle("base", "decode", range(5))
    model: dict[int, tuple[int, str]] = {}
    for action, numbers in actions:
        known = numbers & set(model)
        clock.sleep(7)
        if action == "put":
            ops.holds.put("base", [failed(n, "decode") for n in numbers])
            for number in numbers:
                attempts, state = model.get(number, (0, "waiting"))
                grown = "dead" if attempts + 1 >= 12 else "waiting"
                model[number] = (attempts + 1, state if state == "dropped" else grown)
        elif action == "settle":
            assert ops.holds.settle("base", "decode", numbers) == len(known)
            for number in known:
                del model[number]
        elif action == "wake":
            ops.holds.wake("base", numbers=numbers)
            assert {n for n in known if model[n][1] != "dropped"} <= set(numbers_due(ops))
        elif action == "retry":
            assert ops.holds.retry("base", numbers, who="ann") == len(known)
            model |= dict.fromkeys(known, (0, "waiting"))
        else:
            assert ops.holds.drop("base", numbers, who="ann", why="") == len(known)
            model |= {n: (model[n][0], "dropped") for n in known}
    assert {h.number: (h.attempts, h.state) for h in ops.holds.find("base")} == model
