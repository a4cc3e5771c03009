"""A chains.toml of a person's own, with one chain, for tests to change."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from chain_assets.config import Settings, load_settings

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
