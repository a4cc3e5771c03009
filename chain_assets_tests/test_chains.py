"""A chain's record: every mistake in its table is one error, and no secret is in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from chain_assets.core.errors import ConfigError
from chain_assets_tests.chains_file import SECRET, load, write


@pytest.mark.parametrize(
    ("changes", "key", "words"),
    [
        pytest.param({"chain_idd": "1"}, "chain_idd", "is unknown", id="unknown key"),
        pytest.param({"rpc_url": f'"{SECRET}"'}, "rpc_url", "is unknown", id="URL in a wrong key"),
        pytest.param({"chain_id": None}, "chain_id", "is missing", id="missing key"),
        pytest.param({"ranges": None}, "ranges", "is missing", id="no ranges"),
        pytest.param({"finality": None}, "finality", "is missing", id="no finality"),
        pytest.param({"rpc_url_env": None}, "rpc_url_env", "is missing", id="rpc without URL"),
        pytest.param({"source": '"recorded"'}, "recorded_env", "is missing", id="no folder"),
        pytest.param({"source": '"devnet"'}, "devnet", "is missing", id="devnet without shape"),
        pytest.param({"chain_id": '"1"'}, "chain_id", "must be int", id="text for a number"),
        pytest.param({"chain_id": "true"}, "chain_id", "must be int", id="bool for a number"),
        pytest.param({"chain_id": "1.0"}, "chain_id", "must be int", id="float for a number"),
        pytest.param({"chain_id": "0"}, "chain_id", "at least 1", id="chain id 0"),
        pytest.param({"native_symbol": "5"}, "native_symbol", "must be str", id="symbol"),
        pytest.param({"native_decimals": "-1"}, "native_decimals", "must be", id="decimals"),
        pytest.param({"native_decimals": "39"}, "native_decimals", "at most 38", id="no decimal"),
        pytest.param({"source": '"node"'}, "source", "Use one of: rpc", id="source"),
        pytest.param({"proof_rules": '"none"'}, "proof_rules", "Use one of", id="proof rules"),
        pytest.param({"start_block": "-1"}, "start_block", "must be", id="start before genesis"),
        pytest.param({"block_time_seconds": "0"}, "block_time_seconds", "above 0", id="no time"),
        pytest.param({"block_time_seconds": "nan"}, "block_time_seconds", "above 0", id="nan"),
        pytest.param({"block_time_seconds": "inf"}, "block_time_seconds", "must be", id="inf"),
        pytest.param({"requests_per_second": "0"}, "requests_per_second", "above 0", id="no rate"),
        pytest.param({"requests_per_second": "-1"}, "requests_per_second", "above 0", id="rate"),
        pytest.param({"requests_per_second": "nan"}, "requests_per_second", "above 0", id="nan/s"),
        pytest.param({"requests_per_second": '"9"'}, "requests_per_second", "float", id="text/s"),
        pytest.param({"finality": '"final"'}, "finality", "must be", id="finality text"),
        pytest.param({"finality": "-1"}, "finality", "must be", id="negative finality"),
        pytest.param({"max_reorg_depth": "0"}, "max_reorg_depth", "at least 1", id="reorg depth"),
        pytest.param({"max_price_age": "0"}, "max_price_age", "at least 1", id="price age"),
        pytest.param({"follow": "1"}, "follow", "must be bool", id="number for a bool"),
        pytest.param({"ranges": "[]"}, "ranges", "must be a list", id="empty ranges"),
        pytest.param({"ranges": "100"}, "ranges", "must be a list", id="ranges as a number"),
        pytest.param({"ranges": "[100]"}, "ranges[0]", "must be a table", id="range as a number"),
        pytest.param(
            {"ranges": "[{ from = 0, size = 0 }]"}, "ranges", "at least 1, not 0", id="size 0"
        ),
        pytest.param(
            {"ranges": "[{ from = 5, size = 5 }]"}, "ranges", "start at block 0", id="late start"
        ),
        pytest.param(
            {"ranges": "[{ from = 0, size = 10 }, { from = 15, size = 5 }]"},
            "ranges",
            "cuts a range",
            id="cut range",
        ),
        pytest.param({"ranges": "[{ from = 0 }]"}, "ranges[0].size", "is missing", id="no size"),
        pytest.param(
            {"ranges": "[{ from = 0, size = 1, to = 2 }]"},
            "ranges[0].to",
            "unknown",
            id="range key",
        ),
        pytest.param({"freshness": "{ warn = 30 }"}, "freshness", "60 <= warn", id="window"),
        pytest.param(
            {"freshness": "{ warn = 90, fail = 90 }"}, "freshness", "warn < fail", id="windows"
        ),
        pytest.param({"freshness": "{ late = 1 }"}, "freshness.late", "unknown", id="inner key"),
        pytest.param({"freshness": "900"}, "freshness", "must be a table", id="freshness"),
        pytest.param({"devnet": "{ blocks = 0 }"}, "devnet.blocks", "at least 1", id="devnet"),
        pytest.param(
            {"rpc_url_env": f'["{SECRET}"]'}, "rpc_url_env", "environment", id="URL in the list"
        ),
        pytest.param(
            {"rpc_url_env": f'"{SECRET}"'}, "rpc_url_env", "must be a list", id="URL for the list"
        ),
        pytest.param({"source": f'"{SECRET}"'}, "source", "Use one of", id="URL for a source"),
        pytest.param({"chain_id": f'"{SECRET}"'}, "chain_id", "must be int", id="URL for an id"),
        pytest.param({"ranges": f'"{SECRET}"'}, "ranges", "must be a list", id="URL for ranges"),
        pytest.param({"devnet": f'"{SECRET}"'}, "devnet", "must be a table", id="URL for a table"),
        pytest.param({"finality": f'"{SECRET}"'}, "finality", "must be", id="URL for finality"),
    ],
)
def test_a_mistake_is_one_error_that_names_file_chain_and_key_and_no_secret(
    tmp_path: Path, changes: dict[str, str | None], key: str, words: str
) -> None:
    path = write(tmp_path, changes)
    with pytest.raises(ConfigError) as caught:
        load(path)
    message = str(caught.value)
    assert caught.value.chain == "tst"
    assert str(path) in message
    assert f"'{key}'" in message
    assert words in message
    assert "s3cr3t" not in message


@pytest.mark.parametrize("name", ["", "Ethereum", "a b", "a/b", "a.b", "stra\u00dfe", "x\u00b2"])
def test_a_name_that_is_no_chain_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="not a chain name"):
        load(write(tmp_path, name=name))


@pytest.mark.parametrize(("text", "rate"), [(None, None), ("25", 25.0), ("0.5", 0.5)])
def test_a_rate_of_requests_is_a_number_or_none(
    tmp_path: Path, text: str | None, rate: float | None
) -> None:
    settings = load(write(tmp_path, {"requests_per_second": text}))
    assert settings.chain("tst").requests_per_second == rate
