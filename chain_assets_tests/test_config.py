"""chains.toml and the environment: what is read, and how a mistake is told."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from chain_assets.chains import Chain
from chain_assets.config import load_settings, recorded_folder, rpc_urls
from chain_assets.core.block_range import Delimiter
from chain_assets.core.errors import ConfigError
from chain_assets_tests.chains_file import SECRET, load, write


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


def test_enabled_chains_are_those_named_in_the_order_asked() -> None:
    settings = load_settings({"CHAIN_ASSETS_ENABLED": " polygon, ethereum "})
    assert settings.enabled == ("polygon", "ethereum")
    assert {"base", "goerli"} <= set(settings.chains)


def test_chains_with_what_they_need_are_enabled_where_none_are_named() -> None:
    environ = {"BASE_RPC_URL_2": SECRET, "GOERLI_RECORDED": "/data", "POLYGON_RPC_URL": ""}
    enabled = load_settings(environ).enabled
    assert set(enabled) == {"base", "goerli"}


def test_made_up_chains_are_enabled_where_no_real_one_is_set_up_or_by_name() -> None:
    assert load_settings({}).enabled == ("devnet", "devnet-fast")
    named = {"BASE_RPC_URL": SECRET, "CHAIN_ASSETS_ENABLED": "base,devnet"}
    assert load_settings(named).enabled == ("base", "devnet")


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
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        environ[name] = "s3cr3t"
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


def test_a_variable_that_is_set_to_nothing_is_as_good_as_unset() -> None:
    empty = dict.fromkeys(
        ("CHAIN_ASSETS_LAKE", "CHAIN_ASSETS_ENGINE", "CHAIN_ASSETS_SPARK_MASTER"), ""
    )
    assert load_settings(empty) == load_settings({})
