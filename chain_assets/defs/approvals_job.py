"""The job `approvals`: what waits for a person, decided from Dagster's own pages.

Its config is what a person fills in at the launchpad; what was decided is in the run's log and in
the metadata of its output. Open-source Dagster knows no users, so whoever decides says who.
"""

# No `from __future__ import annotations`: Dagster reads the annotations as types.
from datetime import UTC, datetime
from enum import Enum

import dagster as dg

from chain_assets.core.errors import ApprovalNeeded
from chain_assets.defs.resources import LakeResource, OpsResource
from chain_assets.ops.approvals import Approval


class Action(Enum):
    """What to do."""

    show = "show"
    approve = "approve"
    reject = "reject"


class Decision(dg.Config):
    """`approval`, `who` and `why` are needed to approve or reject."""

    action: Action = Action.show
    approval: str = ""
    who: str = ""
    why: str = ""


@dg.op(description="Shows what waits for a person, after deciding what the config says.")
def decide(
    context: dg.OpExecutionContext, config: Decision, lake: LakeResource, ops: OpsResource
) -> None:
    """Decide, then show what is pending. Raises ApprovalNeeded where nothing can be decided."""
    with ops.open(lake.tables()) as store:
        if config.action is not Action.show:
            if not (config.approval and config.who and config.why):
                raise ApprovalNeeded(
                    f"to {config.action.value} takes an approval, who decides, and why",
                    todo="Fill in `approval`, `who` and `why` in the run's config",
                )
            say = (
                store.approvals.approve
                if config.action is Action.approve
                else (store.approvals.reject)
            )
            decided = say(config.approval, who=config.who, why=f"{config.why} ({context.run_id})")
            context.log.info(f"{decided.id} is {decided.state}: {decided.what}")
        pending = store.approvals.all("pending")
    context.log.info(f"{len(pending)} approvals are pending")
    context.add_output_metadata({"pending": _table(pending)})


@dg.job(
    name="approvals",
    description="Show, approve or reject what waits for a person: deep reorgs, large backfills.",
    executor_def=dg.in_process_executor,
)
def approvals_job() -> None:
    """The one op."""
    decide()


def _table(approvals: tuple[Approval, ...]) -> dg.MarkdownMetadataValue:
    rows = [
        f"| {a.id} | {a.chain} | {a.kind} | {a.what} | "
        f"{datetime.fromtimestamp(a.expires_at, UTC):%Y-%m-%d %H:%M} UTC |"
        for a in approvals
    ]
    head = ["| approval | chain | kind | what | expires |", "|---|---|---|---|---|"]
    return dg.MetadataValue.md("\n".join([*head, *rows]))
