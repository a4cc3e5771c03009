"""`chain-assets holds`: what is held is seen, tried again and given up by a person."""

from __future__ import annotations

from pathlib import Path

import pytest

from chain_assets.core.retries import DEFAULT_POLICY
from chain_assets.sources.devnet import Devnet, FaultKind, serve
from chain_assets_tests.commands.desk import Desk, assert_fits, open_desk, words


def test_held_blocks_are_listed_retried_and_healed(desk: Desk, tmp_path: Path) -> None:
    desk.strike("missing_log", 6)
    assert desk("run", "--blocks", "0-9").code == 3
    listed = desk("holds", "list", "--chain", "node")
    assert listed.code == 0
    assert_fits(listed)
    assert "node: 1 block is held" in listed.out
    assert "6 prove waiting 1 in " in words(listed.out)
    assert "receipts root differs" in words(listed.out)
    assert "…" in listed.out, "reasons with hashes are cut"
    assert "…" not in desk("holds", "list", "--each").out, "unless each block is asked for"
    desk.heal()
    assert desk("catch-up", "--ranges", "1").code == 3, "it is not due yet"
    retried = desk("holds", "retry", "--chain", "node", "--blocks", "0-9", "--who", "ada")
    assert retried.out == "due now: 6\n"
    assert desk("catch-up").code == 0
    assert "no block is held" in desk("holds", "list").out
    desk.assert_complete(tmp_path / "clean")
    with desk.ops() as ops:
        done = [(line.actor, line.action, line.subject) for line in ops.audit.lines("node")]
    assert ("ada", "blocks to be tried again", "prove: 6") in done


def test_blocks_with_one_reason_share_a_line_and_dead_letters_are_seen(desk: Desk) -> None:
    desk.strike("missing_log", *range(25))
    for _ in range(DEFAULT_POLICY.most_attempts):
        desk("run", "--blocks", "8")
    # But for the final one and the head: without them nothing is known of the chain.
    desk.strike("null_block", *({*range(24)} - {14}))
    assert desk("run", "--blocks", "0-7,10,12,14,16,18,20").code == 3
    listed = desk("holds", "list")
    assert_fits(listed)
    assert "8 prove dead 12 -" in words(listed.out)
    dead = desk("holds", "list", "--state", "dead")
    assert "1 block is held" in dead.out
    each = desk("holds", "list", "--each", "--state", "waiting")
    assert "13 blocks are held" in each.out
    assert len([line for line in each.out.splitlines() if " fetch " in line]) == 13


def test_a_dropped_block_is_tried_by_nobody_but_who_asks_for_it(desk: Desk) -> None:
    desk.strike("null_block", 3)
    assert desk("run", "--blocks", "0-4").code == 3
    dropped = desk("holds", "drop", "--chain", "node", "--blocks", "3", "--why", "pruned")
    assert dropped.out == "dropped: 3\n"
    desk.heal()
    assert desk("catch-up").code == 0, "nothing is left that anybody waits for"
    assert 3 not in desk.enriched()
    assert "3 fetch dropped 1 -" in words(desk("holds", "list").out)
    assert desk("run", "--blocks", "3").code == 0
    assert "no block is held" in desk("holds", "list").out


def test_a_misspelt_name_is_no_empty_answer(desk: Desk) -> None:
    assert "nothing was ever written to the lake" in desk("holds", "list").error
    assert "there is no chain 'nod'" in desk("holds", "list", "--chain", "nod").misuse
    assert not desk.lab.lake.exists()


def test_a_block_that_is_not_held_cannot_be_retried_or_dropped(desk: Desk) -> None:
    assert desk("run", "--blocks", "0-1").code == 0
    for arguments in (("retry",), ("drop", "--why", "no")):
        outcome = desk("holds", *arguments, "--chain", "node", "--blocks", "0-1")
        assert "none of the blocks 0-1 is held" in outcome.error


@pytest.mark.parametrize("kind", ["null_block", "missing_log"])
@pytest.mark.parametrize("tries", [1, DEFAULT_POLICY.most_attempts])
def test_another_node_is_tried_at_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    kind: FaultKind,
    tries: int,
) -> None:
    both = '["NODE_URL_2", "NODE_URL"]'
    with open_desk(tmp_path, monkeypatch, capsys, rpc_url_env=both) as desk:
        assert desk("catch-up").code == 0
        desk.lab.devnet.advance(5)
        desk.strike(kind, 27)
        for _ in range(tries):
            desk("run", "--blocks", "25-29")
        assert desk("catch-up").code == 3
        with desk.ops() as ops:
            assert [hold.attempts for hold in ops.holds.find()] == [tries], "it rests"
        other = Devnet(desk.lab.devnet.spec)
        other.advance(5)
        with serve(other, port=0) as url:
            monkeypatch.setenv("NODE_URL_2", url)
            assert desk("catch-up").code == 0
            assert "no block is held" in desk("holds", "list").out
        desk.heal()
        monkeypatch.delenv("NODE_URL_2")
        desk.assert_complete(tmp_path / "clean")


def test_another_node_that_does_not_help_is_no_reason_to_try_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    both = '["NODE_URL_2", "NODE_URL"]'
    with open_desk(tmp_path, monkeypatch, capsys, rpc_url_env=both) as desk:
        desk.strike("null_block", 3)
        assert desk("run", "--blocks", "0-9").code == 3
        monkeypatch.setenv("NODE_URL_2", desk.lab.url)
        for attempts in (2, 2):
            assert desk("catch-up").code == 3
            with desk.ops() as ops:
                assert [hold.attempts for hold in ops.holds.find()] == [attempts]
        monkeypatch.delenv("NODE_URL_2")
        assert desk("catch-up").code == 3
        with desk.ops() as ops:
            assert [hold.attempts for hold in ops.holds.find()] == [2]
