"""chains.toml and the environment: what is read, and how a mistake is told."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from chain_assets.chains import Chain
from chain_assets.config import (
    Settings,
    load_settings,
    recorded_folder,
    rpc_urls,
)
from chain_assets.core.block_range import Delimiter
from chain_assets.core.errors import ConfigError

SECRET = "https://node.example/v2/s3cr3t-key"
CHAIN: dict[str, str] = {
    "chain_id": "99",
    "native_symbol": '"TST"',
    "source": '"rpc"',
    "rpc_url_env": '["TST_RPC_URL", "TST_RPC_URL_2"]',
    "ranges": "[{ from = 0, size = 100 }]",
    "block_time_seconds": "12",
    "finality": '"tag"',
    "max_reorg_depth": "64",
    "proof_rules": '"ethereum"',
}


def write(
    folder: Path, changes: Mapping[str, str | None] | None = None, *, name: str = "tst"
) -> Path:
    """A file with one chain; a change of None takes the key out."""
    keys = {**CHAIN, **(changes or {})}
    path = folder / "own.toml"
    lines = [f"{key} = {value}" for key, value in keys.items() if value is not None]
    path.write_text("\n".join([f'[chains."{name}"]', *lines]))
    return path


def load(path: Path) -> Settings:
    return load_settings({"CHAIN_ASSETS_CHAINS": str(path)})


def test_the_shipped_chains_are_read_without_any_variable() -> None:
    settings = load_settings({})
    assert {"ethereum", "base", "polygon", "devnet", "anvil"} <= set(settings.chains)
    assert settings.chain("ethereum").chain_id == 1
    assert settings.chain("devnet").devnet is not None
    assert (settings.lake, settings.engine, settings.reference) == ("lake", "spark", None)


def test_a_chain_of_ones_own_is_added_with_its_defaults(tmp_path: Path) -> None:
    settings = load(write(tmp_path))
    chain = settings.chain("tst")
    assert (chain.chain_id, chain.native_symbol, chain.source) == (99, "TST", "rpc")
    assert chain.ranges == (Delimiter(0, 100),)
    assert (chain.block_time_seconds, chain.finality, chain.max_reorg_depth) == (12.0, None, 64)
    assert (chain.native_decimals, chain.start_block, chain.follow) == (18, 0, False)
    assert (chain.freshness.warn, chain.freshness.fail, chain.devnet) == (900, 3600, None)
    assert "ethereum" in settings.chains


def test_a_file_of_ones_own_overrides_single_keys_of_a_shipped_chain(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text("[chains.ethereum]\nfinality = 32\nfollow = true\n")
    shipped, own = load_settings({}).chain("ethereum"), load(path).chain("ethereum")
    assert (own.finality, own.follow) == (32, True)
    assert (own.chain_id, own.ranges, own.rpc_url_env) == (1, shipped.ranges, shipped.rpc_url_env)


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
        pytest.param({"source": '"node"'}, "source", "Use one of: rpc", id="source"),
        pytest.param({"proof_rules": '"none"'}, "proof_rules", "Use one of", id="proof rules"),
        pytest.param({"start_block": "-1"}, "start_block", "must be", id="start before genesis"),
        pytest.param({"block_time_seconds": "0"}, "block_time_seconds", "above 0", id="no time"),
        pytest.param({"block_time_seconds": "nan"}, "block_time_seconds", "above 0", id="nan"),
        pytest.param({"block_time_seconds": "inf"}, "block_time_seconds", "must be", id="inf"),
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


def test_an_error_of_a_shipped_chain_that_was_overridden_names_ones_own_file(
    tmp_path: Path,
) -> None:
    path = tmp_path / "own.toml"
    path.write_text("[chains.ethereum]\nmax_reorg_depth = 0\n")
    with pytest.raises(ConfigError, match=r"ethereum: .*own\.toml: key 'max_reorg_depth'"):
        load(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("[chains.tst", "is not TOML", id="broken"),
        pytest.param("[chain.tst]", "unknown key 'chain'", id="wrong table"),
        pytest.param("chains = 5", "one table a chain", id="number"),
        pytest.param("[chains]\ntst = 5", "one table a chain", id="number for a chain"),
    ],
)
def test_a_file_that_is_no_list_of_chains_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words) as caught:
        load(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"], ids=["not there", "not UTF-8"])
def test_an_unreadable_file_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "own.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"own\.toml cannot be read"):
        load(path)


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"CHAIN_ASSETS_ENABLED": "ethereum,nowhere"}, "CHAIN_ASSETS_ENABLED names 'nowhere'"),
        ({"CHAIN_ASSETS_ENGINE": "flink"}, "CHAIN_ASSETS_ENGINE is 'flink'"),
        ({"CHAIN_ASSETS_REFERENCE": "/nowhere"}, "CHAIN_ASSETS_REFERENCE is '/nowhere'"),
        ({"CHAIN_ASSETS_ABIS": "/nowhere"}, "CHAIN_ASSETS_ABIS is '/nowhere'"),
    ],
)
def test_a_wrong_variable_is_named(environ: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load_settings(environ)


def test_only_enabled_chains_are_given_in_the_order_asked() -> None:
    settings = load_settings({"CHAIN_ASSETS_ENABLED": " polygon, ethereum "})
    assert list(settings.chains) == ["polygon", "ethereum"]


def test_an_unknown_chain_is_told_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"no chain 'nowhere'.*Known: .*ethereum"):
        load_settings({}).chain("nowhere")


@pytest.fixture
def tst(tmp_path: Path) -> Chain:
    return load(write(tmp_path)).chain("tst")


def test_node_urls_come_from_the_environment_best_first(tst: Chain) -> None:
    environ = {"TST_RPC_URL_2": "b", "TST_RPC_URL": "a", "OTHER": "c"}
    assert rpc_urls(tst, environ) == ("a", "b")
    assert rpc_urls(tst, {"TST_RPC_URL_2": SECRET, "TST_RPC_URL": ""}) == (SECRET,)


def test_a_missing_node_url_names_chain_and_variables(tst: Chain) -> None:
    with pytest.raises(ConfigError, match=r"tst: no node URL is set.*TST_RPC_URL or TST_RPC_URL_2"):
        rpc_urls(tst, {"OTHER": SECRET})


def test_the_folder_of_recorded_blocks_comes_from_the_environment() -> None:
    goerli = load_settings({}).chain("goerli")
    assert recorded_folder(goerli, {"GOERLI_RECORDED": "/data"}) == Path("/data")
    with pytest.raises(ConfigError, match=r"goerli: no folder.*Set GOERLI_RECORDED"):
        recorded_folder(goerli, {})


def test_settings_hold_no_secret_of_the_environment(tmp_path: Path) -> None:
    environ = {"CHAIN_ASSETS_CHAINS": str(write(tmp_path)), "TST_RPC_URL": SECRET}
    assert "s3cr3t" not in repr(load_settings(environ))


def test_a_chain_cannot_be_changed(tst: Chain) -> None:
    with pytest.raises(FrozenInstanceError):
        tst.chain_id = 5  # type: ignore[misc]


def test_import_reads_no_environment_and_no_file() -> None:
    code = (
        "import os, sys\n"
        "class Forbidden(dict):\n"
        "    def _refuse(self, *args): raise AssertionError(f'read {args}')\n"
        "    get = __getitem__ = __contains__ = __iter__ = keys = items = _refuse\n"
        "import enum, dataclasses, re, tomllib, importlib.resources, pathlib, typing\n"
        "sys.addaudithook(lambda event, args: event == 'open' and "
        "str(args[0]).endswith('.toml') and sys.exit(f'opened {args[0]}'))\n"
        "os.environ = Forbidden()\n"
        "import chain_assets.config\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
