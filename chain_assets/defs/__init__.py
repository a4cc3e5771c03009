"""Everything that knows Dagster. `chain_assets.definitions` puts it together.

names.py partitions.py      what a chain is called in Dagster; its block ranges as partitions
resources.py                lake, engine, sources, a person's files
assets/                     raw, decoded, enriched; reference rows
lineage.py metadata.py      what a materialization shows
checks.py audits.py lag.py  blocking checks of a range; how far a layer is behind the head
chain_state.py sensors.py schedules.py jobs.py      when what runs
launcher.py                 notices runs whose process is gone
"""
