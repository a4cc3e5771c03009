"""What a person does in the UI: open the asset graph, backfill three ranges, see what came of it.

`dagster dev` runs as it is shipped, the graph is looked at with a real browser, and the backfill
is started with the mutation that the UI's button sends.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

from chain_assets.defs.names import LAYERS
from chain_assets_tests.defs.deployment import Deployment, deployment
from chain_assets_tests.defs.server import ROOT, Server, dagster_dev, wait_until
from chain_assets_tests.tools import find_chromium, missing_tool

GROUP = "ui_net"
# Set it to have the picture of the README taken anew.
SCREENSHOT_VARIABLE = "CHAIN_ASSETS_SCREENSHOT"
_BACKFILL = """
mutation Backfill($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}"""
_RUNS = """
query Runs($filter: RunsFilter!) {
  runsOrError(filter: $filter) { ... on Runs { results { runId status } } }
}"""
_ASSET = """
query Asset($key: AssetKeyInput!) {
  assetNodeOrError(assetKey: $key) {
    ... on AssetNode {
      freshnessStatusInfo { freshnessStatus }
      partitionStats { numMaterialized numFailed numPartitions }
      assetMaterializations(limit: 20) { partition metadataEntries { label __typename } }
      assetChecksOrError {
        ... on AssetChecks {
          checks {
            name
            blocking
            partitionStatuses {
              ... on AssetCheckDefaultPartitionStatuses { succeededPartitions failedPartitions }
            }
          }
        }
      }
    }
  }
}"""


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deployment(tmp_path_factory.mktemp("deployment")) as opened:
        yield opened


@pytest.fixture(scope="module")
def server(deployed: Deployment) -> Iterator[Server]:
    deployed.open_ranges()
    with dagster_dev(deployed.home, deployed.environment) as running:
        yield running


@pytest.fixture(scope="module")
def chosen(deployed: Deployment) -> list[str]:
    """The three ranges that are backfilled: the middle ones of five."""
    return deployed.open_ranges()[1:4]


@pytest.fixture(scope="module")
def backfilled(server: Server, chosen: list[str]) -> Server:
    _backfill(server, chosen)
    return server


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    program = find_chromium()
    if program is None:
        missing_tool("chromium", "install it with scripts/browser.sh")
    with sync_playwright() as playwright:
        # Without a sandbox: in a container Chromium runs as root, and would refuse to start.
        browser = playwright.chromium.launch(executable_path=str(program), args=["--no-sandbox"])
        yield browser.new_page(viewport={"width": 1440, "height": 1150})
        browser.close()


@pytest.mark.parametrize("layer", LAYERS)
def test_a_backfill_of_three_ranges_materializes_them_with_metadata_checks_and_freshness(
    backfilled: Server, chosen: list[str], layer: str
) -> None:
    asset = wait_until(
        lambda: _fresh(backfilled, layer), seconds=60, what=f"the freshness of {layer}"
    )

    assert asset["partitionStats"] == {"numMaterialized": 3, "numFailed": 0, "numPartitions": 5}
    by_range = {m["partition"]: m["metadataEntries"] for m in asset["assetMaterializations"]}
    assert sorted(by_range) == chosen
    for entries in by_range.values():
        shown = {entry["label"]: entry["__typename"] for entry in entries}
        assert shown["dagster/column_lineage"] == "TableColumnLineageMetadataEntry"
        assert shown["dagster/column_schema"] == "TableSchemaMetadataEntry"
        assert shown["dagster/row_count"] == shown["blocks"] == "IntMetadataEntry"
        assert {"delta_versions", "seconds", "bytes", "data_version", "dagster/uri"} <= set(shown)
    checks = {c["name"]: c for c in asset["assetChecksOrError"]["checks"]}
    blocking = {name for name, check in checks.items() if check["blocking"]}
    assert {"gaps", "duplicates"} <= blocking
    assert set(checks) - blocking <= {"lag", "proofs"}
    for name in blocking:
        statuses = checks[name]["partitionStatuses"]
        assert (sorted(statuses["succeededPartitions"]), statuses["failedPartitions"]) == (
            chosen,
            [],
        )


def test_the_asset_graph_of_the_chain_is_there_in_a_browser(backfilled: Server, page: Page) -> None:
    page.goto(f"{backfilled.url}/locations/chain_assets/asset-groups/{GROUP}/lineage")
    for name in (*LAYERS, "entity_labels", "token_metadata", "token_prices"):
        page.get_by_text(name, exact=True).first.wait_for(timeout=60_000)
    page.get_by_text("60% filled").first.wait_for(timeout=60_000)
    if os.environ.get(SCREENSHOT_VARIABLE):
        picture = ROOT / "docs" / "images" / "asset_graph.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        page.get_by_text("Hide navigation").click()
        page.wait_for_timeout(2_000)
        page.screenshot(path=str(picture))


def test_the_same_ranges_once_more_change_no_table(
    backfilled: Server, deployed: Deployment, chosen: list[str]
) -> None:
    before = deployed.versions()
    assert before
    _backfill(backfilled, chosen)
    assert deployed.versions() == before


def test_a_layer_alone_is_backfilled(backfilled: Server, chosen: list[str]) -> None:
    _backfill(backfilled, chosen[:2], layers=["decoded_blocks"])


def _backfill(server: Server, keys: list[str], *, layers: Sequence[str] = LAYERS) -> None:
    """Start a backfill of these layers, and wait until its one run has succeeded."""
    params: dict[str, Any] = {
        "assetSelection": [{"path": [GROUP, layer]} for layer in layers],
        "partitionNames": keys,
        "title": "three ranges",
    }
    launched = server.graphql(_BACKFILL, params=params)["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    tag = {"key": "dagster/backfill", "value": launched["backfillId"]}

    def ended() -> list[Any]:
        runs = server.graphql(_RUNS, filter={"tags": [tag]})["runsOrError"]["results"]
        assert all(run["status"] not in ("FAILURE", "CANCELED") for run in runs), runs
        done: list[Any] = [run for run in runs if run["status"] == "SUCCESS"]
        return done if len(done) == len(runs) else []

    assert len(wait_until(ended, seconds=150, what="the backfill's run")) == 1


def _fresh(server: Server, layer: str) -> Any:
    asset = server.graphql(_ASSET, key={"path": [GROUP, layer]})["assetNodeOrError"]
    healthy = (asset["freshnessStatusInfo"] or {}).get("freshnessStatus") == "HEALTHY"
    return asset if healthy else None
