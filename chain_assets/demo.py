"""`chain-assets demo`: two made-up chains through all layers, by Dagster's own runs.

    plan (the one that the sensors make) → open ranges → run the job → ask the lake three questions

What it leaves behind is what a deployment leaves: a lake, and Dagster's history of it, which the
UI then shows. A second demo finds nothing to do.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from shutil import which

import dagster as dg
from dagster._core.errors import DagsterHomeNotSetError
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from rich.console import Console
from rich.table import Table

from chain_assets.assembly import open_lake, open_ops, open_source
from chain_assets.chains import Chain
from chain_assets.config import Settings
from chain_assets.core.errors import ChainAssetsError
from chain_assets.core.head_plan import HeadPlan, HeadPolicy, plan_head
from chain_assets.core.schemas import TABLES
from chain_assets.definitions import build_definitions
from chain_assets.defs.chain_state import read_state, shape_of
from chain_assets.defs.names import identifier, layers_job_name, partitions_name
from chain_assets.defs.partitions import range_tags, registered_keys
from chain_assets.defs.process_lock import held_lock
from chain_assets.defs.resources import absolute
from chain_assets.lake.tables import LakeTables
from chain_assets.lake.views import query
from chain_assets.ops.store import OpsStore
from chain_assets.report_tables import answer_table

CHAINS = ("devnet", "devnet-fast")
# Where `make dev` looks for Dagster's history, too.
_HOME = ".dagster_home"
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
_POLICY = HeadPolicy(history=True)

QUESTIONS = {
    "Which token transfers moved the most money?": """
        SELECT chain, block_number AS block, token_symbol AS token,
               format('{:,.0f}', amount_usd) AS usd,
               left(coalesce(from_label, from_address), 14) AS sender,
               left(coalesce(to_label, to_address), 14) AS receiver
        FROM enriched_token_transfers WHERE amount_usd IS NOT NULL
        ORDER BY amount_usd DESC, chain, block_number LIMIT 5""",
    "Which blocks burned the most in fees?": """
        SELECT chain, number AS block, transaction_count AS txs,
               round(100 * gas_used / gas_limit, 1) AS "full %",
               round(base_fee_per_gas / 1e9, 3) AS gwei,
               round(burned_wei / 1e18, 6) AS burned, round(priority_fees_wei / 1e18, 6) AS tips
        FROM enriched_blocks ORDER BY burned_wei DESC, chain, number LIMIT 5""",
    "Which events could not be decoded, and why; which ones could?": """
        SELECT status, coalesce(event, '') AS event, left(coalesce(reason, ''), 34) AS reason,
               count(*) AS logs
        FROM decoded_events GROUP BY ALL ORDER BY status DESC, logs DESC, event, reason LIMIT 10""",
}


def run_demo(console: Console, settings: Settings, *, lake: str | None = None) -> None:
    """Fill the lake from the two devnets, then show what is there. Raises ChainAssetsError."""
    chains = [settings.chain(name) for name in CHAINS]
    shown = set(CHAINS) <= set(settings.enabled)
    settings = replace(settings, enabled=CHAINS, lake=absolute(lake or settings.lake))
    tables, definitions = open_lake(settings), build_definitions(settings)
    started = time.monotonic()
    with (
        _instance(console) as instance,
        held_lock(_lock_file(instance)) as tags,
        open_ops(settings, tables) as ops,
    ):
        _end_killed_runs(instance, tags)
        for chain in chains:
            plan = partial(_plan, chain, tables, ops, instance)
            _fill(console, chain, plan, definitions, instance, tags)
    console.print(made_table(tables, chains, seconds=time.monotonic() - started))
    for question, sql in QUESTIONS.items():
        console.print()
        console.print(answer_table(query(tables, sql), title=question))
    console.print()
    console.print(_next_steps(settings, chains[0], shown=shown))


def _instance(console: Console) -> dg.DagsterInstance:
    try:
        return dg.DagsterInstance.get()
    except DagsterHomeNotSetError:
        home = Path(_HOME).resolve()
        home.mkdir(exist_ok=True)
        console.print(f"DAGSTER_HOME is not set: Dagster's history goes to {home}")
        return dg.DagsterInstance.from_config(str(home))


def _lock_file(instance: dg.DagsterInstance) -> Path:
    return Path(instance.root_directory) / "demo.lock"


def _end_killed_runs(instance: dg.DagsterInstance, tags: Mapping[str, str]) -> None:
    """Mark the runs of a demo that was killed as failed: this one has its lock, so it is gone."""
    killed = dg.RunsFilter(tags=dict(tags), statuses=NOT_FINISHED_STATUSES)
    for run in instance.get_runs(filters=killed):
        instance.report_run_failed(run, "the demo that executed this run was killed")


def _fill(
    console: Console,
    chain: Chain,
    make_plan: Callable[[], HeadPlan],
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    tags: Mapping[str, str],
) -> None:
    """Runs of the chain's job until nothing is due."""
    began = time.monotonic()
    with console.status(f"{chain.name}: making up its blocks"):
        plan = make_plan()
    if not plan.run:
        console.print(f"{chain.name}: nothing to do, the lake holds all of it")
    while plan.run:
        instance.add_dynamic_partitions(partitions_name(chain), list(plan.open))
        first, last = plan.run[0].key, plan.run[-1].key
        with console.status(f"{chain.name}: a run over {len(plan.run)} ranges, {first} … {last}"):
            run_id = _run(chain, plan, definitions, instance, tags)
        console.print(
            f"{chain.name}: {len(plan.run)} ranges fetched, decoded, enriched and checked "
            f"(run {run_id[:8]}, {time.monotonic() - began:.0f} s)"
        )
        plan = make_plan()


def _plan(
    chain: Chain, tables: LakeTables, ops: OpsStore, instance: dg.DagsterInstance
) -> HeadPlan:
    state = read_state(chain, source=open_source(chain), tables=tables, ops=ops)
    return plan_head(
        shape_of(chain),
        state.heights,
        state.holdings,
        registered=registered_keys(chain, instance),
        policy=_POLICY,
    )


def _run(
    chain: Chain,
    plan: HeadPlan,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    tags: Mapping[str, str],
) -> str:
    result = definitions.resolve_job_def(layers_job_name(chain)).execute_in_process(
        instance=instance,
        tags={**range_tags(plan.run), **tags},
        run_config=_QUIET,
        raise_on_error=False,
    )
    if not result.success:
        raise ChainAssetsError(
            f"the run {result.run_id} failed",
            chain=chain.name,
            todo=f"See it in the UI: `make dev`, then /runs/{result.run_id}",
        )
    return result.run_id


def made_table(tables: LakeTables, chains: list[Chain], *, seconds: float) -> Table:
    """Rows of each chain, bytes and files, a line a table."""
    shown = Table(title="What is in the lake (rows)")
    shown.add_column("table", no_wrap=True)
    for name in (*(chain.name for chain in chains), "MB", "files"):
        shown.add_column(name, justify="right")
    for table in TABLES.values():
        files = [tables.live_files(table, chain=chain.name) for chain in chains]
        rows = [sum(file["num_records"] for file in of_chain) for of_chain in files]
        size = sum(file["size_bytes"] for of_chain in files for file in of_chain)
        count = sum(len(of_chain) for of_chain in files)
        shown.add_row(table.name, *(f"{n:,}" for n in rows), f"{size / 1e6:,.1f}", f"{count:,}")
    shown.caption = f"in {seconds:,.0f} s"
    return shown


def _next_steps(settings: Settings, chain: Chain, *, shown: bool) -> str:
    # `make demo` calls it where it is, which no shell finds by its name alone.
    program = "chain-assets" if which("chain-assets") else sys.argv[0]
    place = "" if settings.lake == absolute("lake") else f"CHAIN_ASSETS_LAKE={settings.lake} "
    # Beside a real chain the made-up ones show only by name.
    named = "" if shown else f"CHAIN_ASSETS_ENABLED={','.join(CHAINS)} "
    group = f"http://127.0.0.1:3000/locations/chain_assets/asset-groups/{identifier(chain)}"
    return (
        f"The lake is at {settings.lake}\n"
        f"Ask it more:   {place}{program} sql 'SELECT * FROM enriched_transactions LIMIT 3'\n"
        f"Open the UI:   {place}{named}make dev   then   {group}"
    )
