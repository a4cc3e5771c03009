"""Runs of the job of all layers: what they write, what they show, and what stops them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from chain_assets.core.schemas import RAW_BLOCKS, TABLES
from chain_assets.core.schemas.decoded import LOGS, TRANSACTIONS
from chain_assets.core.schemas.enriched import BLOCKS
from chain_assets.defs.audits import AUDITS
from chain_assets.defs.names import DECODED, ENRICHED, LAYERS, RAW
from chain_assets.defs.partitions import RANGE_END, RANGE_START
from chain_assets.defs.writing import BLOCKS_TAG
from chain_assets.lake.data_files import write_data_file
from chain_assets_tests.defs.lab import Lab, failure_of, open_lab


def test_a_run_over_all_ranges_shows_each_of_them_and_a_repeat_changes_no_table(lab: Lab) -> None:
    keys = lab.open_ranges()
    assert lab.run(keys[0], keys[-1]).success
    assert lab.numbers(BLOCKS) == list(range(25))

    for layer in LAYERS:
        shown = lab.materializations(layer)
        assert sorted(shown) == keys
        blocks = [shown[key].metadata["blocks"].value for key in keys]
        assert blocks == [10, 10, 5]
        for name in AUDITS[layer]:
            verdicts = lab.verdicts(layer, name)
            assert verdicts == dict.fromkeys([None, *keys], True)

    before = lab.versions()
    assert lab.run(keys[0], keys[-1]).success
    assert lab.versions() == before


def test_a_range_shows_its_rows_bytes_versions_and_where_its_columns_come_from(lab: Lab) -> None:
    key = lab.open_ranges()[1]
    assert lab.run_tagged({"dagster/partition": key}).success

    metadata = lab.materializations(DECODED)[key].metadata
    logs = len(lab.numbers(LOGS))
    assert logs > 0
    assert metadata["rows_decoded_logs"].value == logs
    versions: Any = metadata["delta_versions"].value
    assert versions["decoded_logs"] == 1
    assert metadata["dagster/uri"].value == lab.tables.uri(TABLES[DECODED])
    bytes_held = sum(
        path.stat().st_size
        for folder in ("decoded_*", "block_proofs")
        for path in Path(lab.settings.lake).glob(f"{folder}/chain=*/**/*.parquet")
    )
    assert metadata["bytes"].value == bytes_held
    schema = metadata["dagster/column_schema"].value
    assert isinstance(schema, dg.TableSchema)
    (gas,) = [c for c in schema.columns if c.name == "decoded_transactions.gas_used"]
    assert (gas.type, gas.constraints.nullable) == ("LONG", True)
    lineage = metadata["dagster/column_lineage"].value
    assert isinstance(lineage, dg.TableColumnLineage)
    assert lineage.deps_by_column["decoded_transactions.gas_used"] == [
        dg.TableColumnDep(lab.key(RAW), "receipt.gasUsed")
    ]
    # A column made of a column of the same layer is followed to the JSON.
    assert (
        dg.TableColumnDep(lab.key(RAW), "log.data") in lineage.deps_by_column["decoded_events.args"]
    )
    enriched = lab.materializations(ENRICHED)[key].metadata["dagster/column_lineage"].value
    assert isinstance(enriched, dg.TableColumnLineage)
    assert (
        dg.TableColumnDep(lab.key(DECODED), "decoded_transactions.gas_used")
        in enriched.deps_by_column["enriched_transactions.fee"]
    )
    assert (
        dg.TableColumnDep(lab.key("token_prices"), "token_prices.price_usd")
        in enriched.deps_by_column["enriched_transactions.fee_usd"]
    )


@pytest.mark.parametrize("layer", LAYERS)
def test_the_row_count_is_of_the_table_at_the_uri(lab: Lab, layer: str) -> None:
    keys = lab.open_ranges()
    assert lab.run(keys[0], keys[2]).success
    metadata = lab.materializations(layer)[keys[2]].metadata
    assert metadata["dagster/uri"].value == lab.tables.uri(TABLES[layer])
    assert metadata["dagster/row_count"].value == len(lab.numbers(TABLES[layer])) == 25
    assert metadata["dagster/partition_row_count"].value == 5
    rows: Any = metadata["rows"].value
    by_table: list[Any] = [e.value for name, e in metadata.items() if name.startswith("rows_")]
    assert rows == sum(by_table)
    assert rows == 5 if layer == RAW else rows > 5


def test_the_raw_layer_shows_the_bytes_of_its_blobs(lab: Lab) -> None:
    keys = lab.open_ranges()
    assert lab.run(keys[0], keys[1]).success
    for key in keys[:2]:
        blobs = list(Path(lab.settings.lake).glob(f"**/{key}/*.json.zst"))
        shown = lab.materializations(RAW)[key].metadata
        assert shown["blobs"].value == len(blobs) == 10
        size = sum(blob.stat().st_size for blob in blobs)
        assert shown["blob_bytes"].value == size
        index = list(Path(lab.settings.lake).glob(f"raw_blocks/**/block_range={key}/*.parquet"))
        assert shown["bytes"].value == size + sum(file.stat().st_size for file in index)


def test_a_run_over_one_range_has_the_data_version_of_its_contents(lab: Lab) -> None:
    key = lab.open_ranges()[2]
    versions = []
    for blocks in (0, 0, 1):
        lab.devnet.advance(blocks)
        assert lab.run_tagged({"dagster/partition": key}).success
        tags = lab.materializations(ENRICHED)[key].tags or {}
        versions.append(tags["dagster/data_version"])
    assert versions[0] == versions[1] != versions[2]


def test_a_duplicate_row_stops_what_is_downstream_and_names_the_block(lab: Lab) -> None:
    keys = lab.open_ranges()
    assert lab.run(keys[0], keys[1]).success
    partition = {"chain": lab.chain.name, "block_range": keys[1]}
    rows = lab.tables.read(TRANSACTIONS, **partition)
    extra = rows.slice(rows.num_rows - 1)
    (block,) = extra["block_number"].to_pylist()
    file = write_data_file(lab.tables.store, TRANSACTIONS, extra, partition=partition)
    assert file is not None
    lab.tables.replace_blocks(TRANSACTIONS, [file], partition=partition, numbers=[10**9])

    result = lab.run(keys[0], keys[1])

    assert not result.success
    started = {e.step_key for e in result.all_events if e.event_type_value == "STEP_START"}
    assert not any("enriched" in (step or "") for step in started)
    # The range with the fault fails; the one beside it does not.
    assert lab.verdicts(DECODED, "duplicates") == {None: False, keys[0]: True, keys[1]: False}
    assert lab.verdicts(DECODED, "counts")[keys[1]] is False
    (evaluation,) = [
        e
        for e in result.get_asset_check_evaluations()
        if e.check_name == "duplicates" and e.partition == keys[1] and not e.passed
    ]
    assert f"block {block}" in (evaluation.description or "")


def test_a_reversed_range_is_an_error_and_not_a_run_over_nothing(lab: Lab) -> None:
    keys = lab.open_ranges()
    result = lab.run_tagged({RANGE_START: keys[2], RANGE_END: keys[0]})
    assert not result.success
    assert "PartitionError" in failure_of(result)
    assert lab.versions() == {}


def test_ranges_opened_in_another_order_are_an_error(lab: Lab) -> None:
    name = "lab_net_blocks"
    first, second, third = lab.open_ranges()
    lab.instance.delete_dynamic_partition(name, second)
    lab.instance.add_dynamic_partitions(name, [second])
    result = lab.run_tagged({RANGE_START: first, RANGE_END: third})
    assert "opened in ascending order" in failure_of(result)


def test_a_range_above_the_head_is_an_error_that_says_so(lab: Lab) -> None:
    lab.open_ranges()
    key = "000000000030-000000000039"
    lab.instance.add_dynamic_partitions("lab_net_blocks", [key])
    result = lab.run_tagged({"dagster/partition": key})
    assert "above the head" in failure_of(result)


def test_a_run_of_some_blocks_fetches_none_of_a_range_that_has_none_of_them(lab: Lab) -> None:
    keys = lab.open_ranges()
    lab.run_tagged({RANGE_START: keys[0], RANGE_END: keys[1], BLOCKS_TAG: "5"})
    assert lab.numbers(RAW_BLOCKS) == [5]


def test_a_missing_raw_block_is_a_gap(lab: Lab) -> None:
    key = lab.open_ranges()[0]
    assert lab.run_tagged({"dagster/partition": key}).success
    partition = {"chain": lab.chain.name, "block_range": key}
    lab.tables.replace_blocks(RAW_BLOCKS, [], partition=partition, numbers=[4])
    job = lab.definitions.resolve_implicit_global_asset_job_def()
    result = job.get_subset(
        asset_selection=set(),
        asset_check_selection={dg.AssetCheckKey(lab.key(RAW), name) for name in AUDITS[RAW]},
    ).execute_in_process(instance=lab.instance, partition_key=key, raise_on_error=False)
    found = {e.check_name: e for e in result.get_asset_check_evaluations()}
    assert not found["gaps"].passed
    assert "block 4: is missing" in (found["gaps"].description or "")
    assert found["duplicates"].passed


def test_reference_rows_are_shown_and_are_committed_only_where_they_changed(lab: Lab) -> None:
    keys = lab.open_ranges()
    changed = []
    for _ in range(2):
        assert lab.run(keys[0], keys[-1]).success
        record = lab.instance.get_latest_materialization_event(lab.key("token_prices"))
        assert record is not None
        assert record.asset_materialization is not None
        changed.append(record.asset_materialization.metadata["changed"].value)
    assert changed[1] is False


def test_spark_decodes_and_enriches_in_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_lab(tmp_path, monkeypatch, engine="spark") as spark:
        keys = spark.open_ranges()
        assert spark.run(keys[0], keys[-1]).success
        assert spark.numbers(BLOCKS) == list(range(25))
