"""Options that several commands share, and the parts that they stand for."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from chain_assets.assembly import (
    at_rate,
    default_ops_file,
    open_engine,
    open_lake,
    open_ops,
    open_source,
    open_writer,
    provider_names,
    read_chain_reference,
)
from chain_assets.chains import Chain
from chain_assets.config import load_settings
from chain_assets.core.abi.registry import load_registry
from chain_assets.core.block_range import BlockRange, parse_spans
from chain_assets.core.enrich import ReferenceTables
from chain_assets.core.errors import ConfigError, OptionError
from chain_assets.core.schemas import RAW_BLOCKS
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.forks import stored_ranges
from chain_assets.layers.holding import wake_for_providers
from chain_assets.layers.pipeline import Parts, split_by_range
from chain_assets.ops.store import OpsStore
from chain_assets.sources.protocol import BlockSource, Header, RawBlock

# The exit code of what was done, but for something that is left.
LEFT = 3
# Numbers are kept one by one; a span with a digit too many would fill the memory.
_MOST_BLOCKS = 1_000_000

console = Console()


def _known_chain(name: str | None) -> str | None:
    """Raises OptionError for a chain that nobody has described."""
    known = load_settings().chains
    if name is not None and name not in known:
        raise OptionError(f"there is no chain {name!r}", todo=f"Known: {', '.join(known)}")
    return name


ChainName = Annotated[
    str,
    typer.Option("--chain", help="Name of the chain in chains.toml.", callback=_known_chain),
]
AnyChain = Annotated[
    str | None, typer.Option("--chain", help="Only this chain.", callback=_known_chain)
]
Blocks = Annotated[
    str, typer.Option("--blocks", help="A-B, both included; or A; or several, with commas.")
]
AnyBlocks = Annotated[
    str | None,
    typer.Option("--blocks", help="Only the ranges that hold these blocks, such as A-B."),
]
LakePath = Annotated[
    str | None, typer.Option("--lake", help="Folder or s3://bucket/prefix [CHAIN_ASSETS_LAKE].")
]
Recorded = Annotated[
    Path | None, typer.Option("--recorded", help="Take the blocks from this folder.")
]
EngineName = Annotated[
    Literal["spark", "local"] | None, typer.Option(help="Who decodes [CHAIN_ASSETS_ENGINE].")
]
Who = Annotated[
    str | None, typer.Option("--who", help="Whom the audit names; by default who is logged in.")
]
Why = Annotated[str, typer.Option("--why", help="The reason, for the audit.")]


def person(who: str | None) -> str:
    """The name that the audit gets. Raises ConfigError where nobody is logged in."""
    try:
        return who or getpass.getuser()
    except (KeyError, OSError):
        raise ConfigError("nobody is logged in", todo="Give a name with --who") from None


def spans_of_text(text: str) -> list[BlockRange]:
    """Blocks as a person types them. Raises ConfigError."""
    try:
        spans = parse_spans(text)
    except ValueError as error:
        raise OptionError(f"--blocks: {error}") from None
    total = sum(map(len, spans))
    if total > _MOST_BLOCKS:
        raise OptionError(
            f"--blocks names {total:,} blocks, and there may be at most {_MOST_BLOCKS:,} at a time",
            todo="Name fewer, or fill the chain with `chain-assets catch-up`",
        )
    return spans


def ranges_of_text(chain: Chain, blocks: str | None, tables: LakeTables) -> list[BlockRange] | None:
    """The chain's ranges that hold these blocks; None where none are named. Raises ConfigError,
    also where all of them are above what is stored: of those nothing could be said."""
    if blocks is None:
        return None
    ranges = [block_range for block_range, _ in split_by_range(chain, spans_of_text(blocks))]
    newest = max(stored_ranges(chain, tables), default=None)
    if newest is None or all(block_range > newest for block_range in ranges):
        raise ConfigError(
            f"--blocks: none of {blocks} is in the lake {tables.storage.uri}",
            chain=chain.name,
            todo="`chain-assets catch-up` fills it up to the chain's head",
        )
    return ranges


def ops_of(lake: str | None, *, chain: str | None = None) -> OpsStore:
    """The ops store of a lake. Raises ConfigError where there is none, or no such chain."""
    settings = load_settings()
    if chain is not None:
        settings.chain(chain)
    tables = open_lake(settings, lake)
    # A misspelt path must not answer as a lake does where nothing is held.
    if settings.ops is None and not default_ops_file(tables.storage).exists():
        raise ConfigError(
            f"nothing was ever written to the lake {tables.storage.uri} from here",
            todo="Name another with --lake, or fill it with `chain-assets run`",
        )
    return open_ops(settings, tables)


def parts_of(
    name: str, *, lake: str | None, recorded: Path | None = None, engine: str | None = None
) -> tuple[Chain, Parts]:
    """The chain `name`, and what its layers work with. Raises ConfigError, OpsStoreFailed."""
    settings = load_settings()
    chain = settings.chain(name)
    source = open_source(chain, recorded=recorded)
    providers = provider_names(chain, recorded=recorded)
    writer = open_writer(settings, open_lake(settings, lake), providers=providers)
    wake_for_providers(writer.ops, chain, providers)
    return chain, Parts(
        source=at_rate(source, chain, writer.ops),
        writer=writer,
        engine=open_engine(settings, engine),
        registry=load_registry(settings.abis),
    )


def parts_of_filled(
    name: str, *, lake: str | None, recorded: Path | None = None, engine: str | None = None
) -> tuple[Chain, Parts]:
    """As `parts_of`, of a lake that has blocks of the chain; the node is not needed before it is
    asked. Raises ConfigError where the lake has none."""
    settings = load_settings()
    chain = settings.chain(name)
    tables = open_lake(settings, lake)
    if not tables.live_files(RAW_BLOCKS, chain=chain.name):
        raise ConfigError(
            f"there is no block of it in the lake {tables.storage.uri}",
            chain=chain.name,
            todo="Name another with --lake, or fill it with `chain-assets catch-up`",
        )
    providers = provider_names(chain, recorded=recorded)
    writer = open_writer(settings, tables, providers=providers)
    return chain, Parts(
        source=SourceOnDemand(
            lambda: at_rate(open_source(chain, recorded=recorded), chain, writer.ops)
        ),
        writer=writer,
        engine=open_engine(settings, engine),
        registry=load_registry(settings.abis),
    )


def reference_of(chain: Chain, *, head: int) -> ReferenceTables:
    """The chain's labels, tokens and prices as a person's files have them now.

    Raises ReferenceFileError.
    """
    return read_chain_reference(load_settings(), chain, head=head)


@dataclass(frozen=True)
class SourceOnDemand:
    """A source that is opened when it is first asked: looking at a lake takes no node."""

    opening: Callable[[], BlockSource]

    @cached_property
    def _source(self) -> BlockSource:
        return self.opening()

    def head(self) -> Header:
        """The newest block. Raises ConfigError, SourceError."""
        return self._source.head()

    def finalized(self) -> Header | None:
        """The newest final block. Raises ConfigError, SourceError."""
        return self._source.finalized()

    def header(self, number: int) -> Header:
        """The canonical block `number`. Raises ConfigError, SourceError."""
        return self._source.header(number)

    def blocks(self, numbers: Sequence[int]) -> Iterator[RawBlock]:
        """The canonical blocks `numbers`. Raises ConfigError, SourceError."""
        return self._source.blocks(numbers)
