"""Everything that knows Dagster. `chain_assets.definitions` puts it together.

names.py partitions.py      what a chain is called in Dagster; its block ranges as partitions
resources.py                lake, engine, sources, a person's files
assets/                     raw, decoded, enriched; reference rows
lineage.py metadata.py      what a materialization shows
checks.py audits.py audited.py      blocking checks of a range
lag.py freshness.py         how far a layer is behind the head; when it counts as late
chain_state.py run_history.py       what plans are made from
sensors.py schedules.py jobs.py     when what runs
catch_up.py catch_up_due.py catch_up_history.py   history, a run at a time
writing.py refresh_run.py           how a run writes, and what it leaves alone
upkeep_job.py                       keeping the tables in shape
launcher.py process_lock.py notice runs whose process is gone
"""
