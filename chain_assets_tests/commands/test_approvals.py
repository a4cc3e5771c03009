"""`chain-assets approvals`: what a person decides, and that the work goes on where it stood."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chain_assets.ops.approvals import LIFETIME_SECONDS
from chain_assets.ops.database import sqlite_url
from chain_assets.ops.leases import LeaseKey
from chain_assets.ops.store import open_store
from chain_assets.sources.devnet import DevnetSource
from chain_assets_tests.commands.desk import Desk, assert_fits, open_desk, words


@pytest.fixture
def desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Desk]:
    with open_desk(tmp_path, monkeypatch, capsys, approve_backfill_above="20") as desk:
        yield desk


def test_a_deep_reorg_halts_the_chain_until_it_is_approved(desk: Desk, tmp_path: Path) -> None:
    assert desk("run", "--blocks", "15-24").code == 0
    before = desk.enriched()
    desk.lab.devnet.reorg(6, 7)
    for command in (("run", "--blocks", "15-25"), ("catch-up",)):
        error = desk(*command).error
        assert "the node has replaced 6 blocks, deeper than max_reorg_depth, 4" in error
    assert desk.enriched() == before, "nothing is rewritten"
    asked = desk.approval("pending")
    assert asked.id in error, "asked once, and named"
    listed = desk("approvals", "list")
    assert_fits(listed)
    assert f"{asked.id} node pending in 7 days a reorg of 6 blocks" in words(listed.out)
    shown = desk("approvals", "show", asked.id)
    detail = json.loads(shown.out[shown.out.index("{") :])
    theirs = DevnetSource(desk.lab.devnet).header(19).hash
    assert detail["theirs"] == {"hash": f"0x{theirs.hex()}"}
    assert detail["ours"]["hash"] != detail["theirs"]["hash"]

    rejected = desk("approvals", "reject", asked.id, "--who", "bob", "--why", "a lie")
    assert f"{asked.id} is rejected until" in rejected.out
    assert f"(approval {asked.id}: rejected)" in desk("run", "--blocks", "15-25").error
    assert "nothing waits" in desk("approvals", "list").out
    assert f"{asked.id} node rejected" in words(desk("approvals", "list", "--all").out)

    approved = desk("approvals", "approve", asked.id, "--who", "ada", "--why", "two others say so")
    assert approved.code == 0
    assert desk("run", "--blocks", "15-25").code == 0
    shown = desk("approvals", "show", asked.id)
    assert "state     used" in shown.out
    assert "by ada: two others say so" in shown.out
    assert (
        f"approval {asked.id} is used"
        in desk("approvals", "approve", asked.id, "--why", "again").error
    )
    assert desk("catch-up").code == 0
    desk.assert_complete(tmp_path / "clean")


@pytest.mark.parametrize(
    "command", [("run", "--blocks", "0-24"), ("catch-up",)], ids=["run", "catch-up"]
)
def test_a_large_backfill_is_done_once_it_is_approved(
    desk: Desk, tmp_path: Path, command: tuple[str, ...]
) -> None:
    error = desk(*command).error
    assert "a backfill of 25 blocks from 0 to " in error
    assert "more than 20" in error
    assert desk("run", "--blocks", "0-3").code == 0, "little needs no approval"
    asked = desk.approval("pending")
    assert f"approvals show {asked.id}" in error
    desk("approvals", "approve", asked.id, "--who", "ada", "--why", "at night")
    # The node fails in the middle: that uses nothing up.
    assert desk.lab.call(
        *command, "--chain", "node", "--engine", "local", url="http://127.0.0.1:9"
    ).error
    assert desk.approval("approved").id == asked.id
    assert desk(*command).code == 0
    assert desk.approval("used").id == asked.id
    assert desk(*command).code == 0, "what is there needs no approval"
    desk.assert_complete(tmp_path / "clean")


def _approved(desk: Desk, *command: str) -> str:
    """The command has asked, and a person has approved."""
    assert "ApprovalNeeded" in desk(*command).error
    asked = desk.approval("pending")
    desk("approvals", "approve", asked.id, "--who", "ada", "--why", "at night")
    return asked.id


def test_one_approval_lasts_until_the_backfill_is_done_whatever_ends_it_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("catch-up", "--requests", "100", "--chunk-blocks", "4")
    with open_desk(tmp_path, monkeypatch, capsys, blocks=60, approve_backfill_above="5") as desk:
        approved = _approved(desk, *command)
        calls = 1
        while (outcome := desk(*command)).code == 3:
            assert "requests are spent" in outcome.out
            assert desk.approval("approved").id == approved
            calls += 1
        assert outcome.code == 0
        assert calls > 1
        assert desk.approval("used").id == approved


def test_a_range_that_is_left_for_an_error_keeps_the_approval(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chain_assets.layers.pipeline.WAIT_SECONDS", 0.0)
    approved = _approved(desk, "catch-up")
    key = LeaseKey("node", "000000000010-000000000019", "decoded")
    with desk.ops() as ops, ops.held(key, owner="another"):
        assert "left: node: another has the lease" in desk("catch-up").out
    assert desk.approval("approved").id == approved
    assert desk("catch-up").code == 0
    assert desk.approval("used").id == approved


def test_an_approval_is_not_kept_for_later_where_somebody_else_did_the_work(desk: Desk) -> None:
    approved = _approved(desk, "catch-up")
    for blocks in ("0-12", "13-24"):
        assert desk("run", "--blocks", blocks).code == 0
    assert desk("catch-up").out == "nothing is behind\n"
    assert desk.approval("used").id == approved


def test_so_many_ranges_are_one_question_and_the_next_ones_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("catch-up", "--ranges", "1")
    with open_desk(tmp_path, monkeypatch, capsys, approve_backfill_above="4") as desk:
        approved = _approved(desk, *command)
        assert desk(*command).code == 3
        assert desk.approval("used").id == approved
        assert "ApprovalNeeded" in desk(*command).error


def test_so_many_ranges_are_no_more_for_being_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("catch-up", "--ranges", "6", "--requests", "100", "--chunk-blocks", "4")
    with open_desk(tmp_path, monkeypatch, capsys, blocks=95, approve_backfill_above="5") as desk:
        approved = _approved(desk, *command)
        calls = 0
        while (outcome := desk(*command)).code == 3:
            calls += 1
        assert calls > 1, "its budget has interrupted it"
        assert "ApprovalNeeded" in outcome.error
        assert desk.approval("used").id == approved
        # 90 to 94 are the newest, of 80 to 89 not all are final.
        assert desk.enriched() == [*range(40), *range(80, 95)]


def test_an_approval_that_has_expired_is_asked_for_anew(desk: Desk) -> None:
    long_ago = time.time() - LIFETIME_SECONDS - 1
    desk("run", "--blocks", "0")
    with open_store(sqlite_url(desk.lab.lake / "ops.db"), clock=lambda: long_ago) as ops:
        old = ops.approvals.request("backfill", "node", "1-24/24", what="long ago", by="me")
        ops.approvals.approve(old.id, who="ada", why="then")
    assert old.id not in desk("run", "--blocks", "1-24").error
    assert desk.approval("expired").id == old.id
    assert (
        f"approval {old.id} is expired"
        in desk("approvals", "approve", old.id, "--why", "late").error
    )
    assert desk.approval("pending").id != old.id


def test_an_approval_that_is_none_is_one_line(desk: Desk) -> None:
    desk("run", "--blocks", "0")
    for arguments in (("show", "nope"), ("approve", "nope", "--why", "x")):
        assert "there is no approval 'nope'" in desk("approvals", *arguments).error
