"""Labels, token metadata and prices for what appears on a devnet, and gaps in them on demand.

Rows have the columns of the reference tables and files. Prices are hourly and a function of
(seed, token, hour), so that any two runs price a block alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from chain_assets.core.block_range import BlockRange
from chain_assets.core.keccak import keccak256
from chain_assets.sources.devnet.cast import Named, Token, cast
from chain_assets.sources.devnet.spec import DevnetSpec

Row = dict[str, str | int]

NATIVE = ""
"""Stands for the chain's own coin where a token's address is asked."""

_SOURCE = "devnet"
_HOUR = 3_600
_DAY = 24
_PARTS = 1_000_000  # prices move in millionths of their base
_SPREAD, _STABLE_SPREAD = 80_000, 800


@dataclass(frozen=True, kw_only=True)
class Withheld:
    """What the reference data lacks. Tokens are 0x addresses in lower case; NATIVE is the coin.

    With `price_blocks`, prices are withheld only for the hours in which those blocks were made.
    """

    metadata: frozenset[str] = frozenset()
    prices: frozenset[str] = frozenset()
    price_blocks: BlockRange | None = None

    def price(self, spec: DevnetSpec, token_address: str, price_at: int) -> bool:
        """Whether the price of the hour that begins at `price_at` (Unix seconds) is withheld."""
        if token_address not in self.prices:
            return False
        if self.price_blocks is None:
            return True
        first = spec.timestamp(self.price_blocks.start)
        last = spec.timestamp(self.price_blocks.stop - 1)
        return first - first % _HOUR <= price_at <= last


NOTHING = Withheld()


def devnet_labels(spec: DevnetSpec) -> list[Row]:
    """Rows (chain, address, label, source, as_of) for all named addresses."""
    everyone = cast()
    named = [
        *everyone.exchanges,
        *everyone.routers,
        *everyone.services,
        *everyone.builders,
        *(Named(token.address, token.name) for token in _all_tokens()),
        Named(bytes(20), "Null Address"),
    ]
    return [
        {
            "chain": spec.chain,
            "address": _hex(each.address),
            "label": each.label,
            "source": _SOURCE,
            "as_of": _iso(spec.genesis_timestamp),
        }
        for each in named
    ]


def devnet_tokens(spec: DevnetSpec, *, withheld: Withheld = NOTHING) -> list[Row]:
    """Rows (chain, address, symbol, name, decimals, source, as_of), NFT collections included.

    Every contract whose logs read as token transfers is among them, but for those withheld.
    """
    return [
        {
            "chain": spec.chain,
            "address": _hex(token.address),
            "symbol": token.symbol,
            "name": token.name,
            "decimals": token.decimals,
            "source": _SOURCE,
            "as_of": _iso(spec.genesis_timestamp),
        }
        for token in _all_tokens()
        if _hex(token.address) not in withheld.metadata
    ]


def devnet_prices(
    spec: DevnetSpec,
    first_timestamp: int,
    last_timestamp: int,
    *,
    withheld: Withheld = NOTHING,
) -> list[Row]:
    """Rows (chain, token_address, price_at, price_usd, source, as_of), one an hour and token.

    The hours are those that hold the Unix times `first_timestamp` to `last_timestamp`.
    """
    return [
        {
            "chain": spec.chain,
            "token_address": address,
            "price_at": _iso(hour * _HOUR),
            "price_usd": format(_price(spec, symbol, Decimal(base), hour), "f"),
            "source": _SOURCE,
            "as_of": _iso(hour * _HOUR),
        }
        for hour in range(first_timestamp // _HOUR, last_timestamp // _HOUR + 1)
        for address, symbol, base in _priced()
        if not withheld.price(spec, address, hour * _HOUR)
    ]


def _all_tokens() -> tuple[Token, ...]:
    everyone = cast()
    return (
        *everyone.tokens,
        everyone.airdrop,
        *everyone.collections,
        *everyone.multi_collections,
    )


def _priced() -> Iterator[tuple[str, str, str]]:
    """Address, symbol and base price of all that has a price."""
    weth = cast().weth
    yield NATIVE, weth.symbol, weth.price_usd or "0"
    for token in _all_tokens():
        if token.price_usd is not None:
            yield _hex(token.address), token.symbol, token.price_usd


def _price(spec: DevnetSpec, symbol: str, base: Decimal, hour: int) -> Decimal:
    """`base`, moved on a line from this day's level to the next day's, and a little each hour."""
    spread = _STABLE_SPREAD if base == 1 else _SPREAD
    day, into_day = divmod(hour, _DAY)
    level = _level(spec, symbol, f"day {day}", spread) * (_DAY - into_day)
    level += _level(spec, symbol, f"day {day + 1}", spread) * into_day
    moved = level // _DAY + _level(spec, symbol, f"hour {hour}", spread // 20)
    return base * (_PARTS + moved) / _PARTS


def _level(spec: DevnetSpec, symbol: str, moment: str, spread: int) -> int:
    """A number from -`spread` to `spread`."""
    digest = keccak256(f"price {spec.seed} {symbol} {moment}".encode())
    return int.from_bytes(digest[:8], "big") % (2 * spread + 1) - spread


def _iso(timestamp: int) -> str:
    return datetime.fromtimestamp(timestamp, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _hex(address: bytes) -> str:
    return "0x" + address.hex()
