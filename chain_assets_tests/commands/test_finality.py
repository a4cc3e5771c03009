"""`chain-assets finality`: what counts as final is seen, and put right where a node lied."""

from __future__ import annotations

from pathlib import Path

from chain_assets_tests.commands.desk import Desk


def test_a_wrong_block_is_forgotten_and_the_next_run_asks_the_node(
    desk: Desk, tmp_path: Path
) -> None:
    assert desk("run", "--blocks", "0-24").code == 0
    assert desk("finality", "show", "--chain", "node").out.startswith("node: block 14 (0x")
    with desk.ops() as ops:
        ops.watermarks.raise_watermark("node", 24, bytes(32))
    head = desk.lab.devnet.reorg(2, 3)
    assert "below block 24, which was final" in desk("run", "--blocks", f"0-{head}").error
    forgotten = desk(
        "finality", "forget", "--chain", "node", "--who", "ada", "--why", "two others say 14"
    )
    assert forgotten.out == "node: block 24 no longer counts as final\n"
    assert "node: no block counts as final" in desk("finality", "show", "--chain", "node").out
    assert desk("finality", "forget", "--chain", "node", "--why", "twice").code == 0
    assert desk("run", "--blocks", f"0-{head}").code == 0
    assert desk("finality", "show", "--chain", "node").out.startswith("node: block 15 (0x")
    desk.assert_complete(tmp_path / "clean")
    with desk.ops() as ops:
        (told,) = [line for line in ops.audit.lines("node") if line.actor == "ada"]
    assert (told.action, told.subject) == ("finality forgotten", "block 24")
    assert told.detail["why"] == "two others say 14"
