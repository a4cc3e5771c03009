"""`chain-assets approvals`: what waits for a person's decision."""

from __future__ import annotations

import json
import time
from typing import Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from chain_assets.commands.options import AnyChain, LakePath, Who, Why, console, ops_of, person
from chain_assets.commands.times import until, utc
from chain_assets.core.errors import ConfigError
from chain_assets.ops.approvals import Approval
from chain_assets.ops.store import OpsStore

app = typer.Typer(no_args_is_help=True, help="What waits for a person's decision.")

ApprovalId = Annotated[str, typer.Argument(help="As `approvals list` shows it.")]


@app.command("list")
def list_approvals(
    chain: AnyChain = None,
    everything: Annotated[bool, typer.Option("--all", help="Decided ones too.")] = False,
    lake: LakePath = None,
) -> None:
    """Show what waits for a decision."""
    with ops_of(lake, chain=chain) as ops:
        found = [a for a in ops.approvals.all() if chain in (None, a.chain)]
    shown = [a for a in found if everything or a.state == "pending"]
    if not shown:
        console.print("nothing waits for a decision")
        return
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("id", "chain", "state", "expires"):
        table.add_column(name, no_wrap=True)
    table.add_column("what", overflow="fold")
    for approval in shown:
        table.add_row(
            approval.id,
            approval.chain,
            approval.state,
            _expires(approval),
            Text(approval.what),
        )
    console.print(table)


@app.command()
def show(approval: ApprovalId, lake: LakePath = None) -> None:
    """Show all that is known for one decision: for a reorg, both sides."""
    with ops_of(lake) as ops:
        found = ops.approvals.get(approval)
    lines = {
        "approval": found.id,
        "chain": found.chain,
        "kind": found.kind,
        "state": found.state,
        "what": found.what,
        "asked": f"{utc(found.requested_at)} by {found.requested_by}",
        "expires": utc(found.expires_at),
        "decided": _decision(found),
    }
    for name, value in lines.items():
        _say(f"{name:10}{value}")
    _say(json.dumps(found.detail, indent=2))


@app.command()
def approve(approval: ApprovalId, why: Why, who: Who = None, lake: LakePath = None) -> None:
    """Say yes: the work goes on where it stood, with the next run of the chain."""
    with ops_of(lake) as ops:
        _check_open(ops, approval)
        decided = ops.approvals.approve(approval, who=person(who), why=why)
    _say(f"{decided.id} is approved: {decided.what}")
    _say("Run what asked for it again; the chain's sensor and schedules do so by themselves")


@app.command()
def reject(approval: ApprovalId, why: Why, who: Who = None, lake: LakePath = None) -> None:
    """Say no: it is not done, and not asked again before the decision expires."""
    with ops_of(lake) as ops:
        _check_open(ops, approval)
        decided = ops.approvals.reject(approval, who=person(who), why=why)
    _say(f"{decided.id} is rejected until {utc(decided.expires_at)}: {decided.what}")


def _check_open(ops: OpsStore, approval: str) -> None:
    state = ops.approvals.get(approval).state
    if state in ("used", "expired"):
        raise ConfigError(
            f"approval {approval} is {state}, and can be decided no more",
            todo="Run what asked for it: where it is still needed, it asks anew",
        )


def _say(line: str) -> None:
    """As it is: hashes are for copying, and no cell of a table."""
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def _decision(approval: Approval) -> str:
    if approval.decided_at is None:
        return "not yet"
    return f"{utc(approval.decided_at)} by {approval.decided_by}: {approval.why}"


def _expires(approval: Approval) -> str:
    if approval.state in ("used", "expired"):
        return "-"
    return until(approval.expires_at, now=time.time())
