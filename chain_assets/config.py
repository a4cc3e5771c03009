"""chains.toml and the environment, read into frozen records. No other file reads the environment.

    shipped chains.toml  ←  the file that CHAIN_ASSETS_CHAINS names  ←  CHAIN_ASSETS_* variables

Nothing is read at import: definitions and commands call `load_settings()` once and pass records on.
Every mistake is a ConfigError that names the file, the chain and the key.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from chain_assets.chains import Chain, parse_chain
from chain_assets.core.errors import ConfigError
from chain_assets.lake.storage import S3Access

SHIPPED = "chains.toml"
_DEFAULT_LAKE = "lake"


@dataclass(frozen=True)
class Settings:
    """What one process works with.

    `chains` are all that are described; `enabled` those that Dagster shows: the ones that
    CHAIN_ASSETS_ENABLED names, otherwise the ones whose source is set up; the made-up ones only
    where no other is. `reference` and `abis` are folders of a person's own files. `ops` is the URL
    of the ops store, which may hold a password; None lets it lie beside the lake.
    """

    chains: Mapping[str, Chain]
    enabled: tuple[str, ...] = ()
    lake: str = _DEFAULT_LAKE
    reference: Path | None = None
    abis: Path | None = None
    spark_master: str = "local[*]"
    engine: Literal["spark", "local"] = "spark"
    s3: S3Access = field(default_factory=S3Access)
    ops: str | None = field(default=None, repr=False)

    def chain(self, name: str) -> Chain:
        """The chain `name`. Raises ConfigError that lists those there are."""
        if name in self.chains:
            return self.chains[name]
        raise ConfigError(f"there is no chain {name!r}", todo=f"Known: {', '.join(self.chains)}")


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the shipped chains, those of CHAIN_ASSETS_CHAINS, and the CHAIN_ASSETS_* variables.

    Raises ConfigError.
    """
    env = os.environ if environ is None else environ
    tables = _read_toml(files("chain_assets").joinpath(SHIPPED).read_text("utf-8"), SHIPPED)
    origin = dict.fromkeys(tables, SHIPPED)
    if own := env.get("CHAIN_ASSETS_CHAINS"):
        for name, table in _read_toml(_read_file(own), own).items():
            tables[name] = {**tables.get(name, {}), **table}
            origin[name] = own
    chains = {name: parse_chain(name, table, file=origin[name]) for name, table in tables.items()}
    return Settings(
        chains=chains,
        enabled=_enabled(chains, env),
        lake=env.get("CHAIN_ASSETS_LAKE") or _DEFAULT_LAKE,
        reference=_folder(env, "CHAIN_ASSETS_REFERENCE"),
        abis=_folder(env, "CHAIN_ASSETS_ABIS"),
        spark_master=env.get("CHAIN_ASSETS_SPARK_MASTER") or "local[*]",
        engine=_engine(env.get("CHAIN_ASSETS_ENGINE") or "spark"),
        s3=S3Access(
            endpoint_url=env.get("AWS_ENDPOINT_URL_S3") or env.get("AWS_ENDPOINT_URL"),
            region_name=env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION"),
            access_key_id=env.get("AWS_ACCESS_KEY_ID"),
            secret_access_key=env.get("AWS_SECRET_ACCESS_KEY"),
            session_token=env.get("AWS_SESSION_TOKEN"),
        ),
        ops=env.get("CHAIN_ASSETS_OPS") or None,
    )


def rpc_urls(chain: Chain, environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The node URLs of `chain`, best first. Raises ConfigError where the first one is not set."""
    env = os.environ if environ is None else environ
    urls = tuple(env[name] for name in chain.rpc_url_env if env.get(name))
    if not urls:
        names = " or ".join(chain.rpc_url_env) or "a variable that rpc_url_env names"
        raise ConfigError(
            "no node URL is set", chain=chain.name, todo=f"Set {names} to your node's URL"
        )
    return urls


def ws_urls(chain: Chain, environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The websocket URLs of `chain`, best first; none where no node calls new heads."""
    env = os.environ if environ is None else environ
    return tuple(env[name] for name in chain.ws_url_env if env.get(name))


def recorded_folder(chain: Chain, environ: Mapping[str, str] | None = None) -> Path:
    """The folder of recorded blocks of `chain`. Raises ConfigError where it is not set."""
    env = os.environ if environ is None else environ
    if chain.recorded_env and (folder := env.get(chain.recorded_env)):
        return Path(folder)
    name = chain.recorded_env or "a variable that recorded_env names"
    raise ConfigError(
        "no folder of recorded blocks is set", chain=chain.name, todo=f"Set {name} to the folder"
    )


def _read_file(path: str) -> str:
    try:
        return Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} cannot be read ({error})", todo="Correct CHAIN_ASSETS_CHAINS"
        ) from error


def _read_toml(text: str, file: str) -> dict[str, dict[str, Any]]:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file} is not TOML: {error}") from error
    unknown = set(document) - {"chains"}
    if unknown:
        raise ConfigError(f"{file}: unknown key {min(unknown)!r}", todo="Known: chains")
    chains = document.get("chains", {})
    if not isinstance(chains, dict) or not all(isinstance(c, dict) for c in chains.values()):
        raise ConfigError(f"{file}: 'chains' must hold one table a chain")
    return chains


def _enabled(chains: dict[str, Chain], env: Mapping[str, str]) -> tuple[str, ...]:
    names = env.get("CHAIN_ASSETS_ENABLED")
    if not names:
        ready = {name: chain for name, chain in chains.items() if _is_set_up(chain, env)}
        # Made-up chains are for a first look: beside a real one they would fill its lake unasked.
        real = tuple(name for name, chain in ready.items() if chain.source != "devnet")
        return real or tuple(ready)
    wanted = tuple(name.strip() for name in names.split(",") if name.strip())
    for name in wanted:
        if name not in chains:
            raise ConfigError(
                f"CHAIN_ASSETS_ENABLED names {name!r}", todo=f"Known: {', '.join(chains)}"
            )
    return wanted


def _is_set_up(chain: Chain, env: Mapping[str, str]) -> bool:
    if chain.source == "devnet":
        return True
    variables = chain.rpc_url_env if chain.source == "rpc" else (chain.recorded_env or "",)
    return any(env.get(name) for name in variables)


def _folder(env: Mapping[str, str], name: str) -> Path | None:
    if not env.get(name):
        return None
    path = Path(env[name])
    if not path.is_dir():
        raise ConfigError(f"{name} is {str(path)!r}, which is not a folder", todo=f"Correct {name}")
    return path


def _engine(name: str) -> Literal["spark", "local"]:
    if name == "spark":
        return "spark"
    if name == "local":
        return "local"
    raise ConfigError(f"CHAIN_ASSETS_ENGINE is {name!r}", todo="Use spark or local")
