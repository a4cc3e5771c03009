"""Who appears on a devnet: tokens, collections, contracts and accounts. The same on every chain.

Every contract that emits what looks like a token transfer is one of `tokens`, `collections` or
`multi_collections`, so that `reference.devnet_tokens` can describe them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from chain_assets.core.keccak import keccak256
from chain_assets.sources.devnet.draws import Draws
from chain_assets.sources.devnet.signing import account_addresses


@dataclass(frozen=True)
class Token:
    """A contract; `price_usd` is the price that its hourly prices move about, None for NFTs."""

    address: bytes
    symbol: str
    name: str
    decimals: int
    price_usd: str | None


@dataclass(frozen=True)
class Named:
    """An address with a name."""

    address: bytes
    label: str


@dataclass(frozen=True)
class Cast:
    """Everyone. Sequences are ordered by how busy they are."""

    tokens: tuple[Token, ...]
    airdrop: Token
    collections: tuple[Token, ...]
    multi_collections: tuple[Token, ...]
    routers: tuple[Named, ...]
    services: tuple[Named, ...]
    exchanges: tuple[Named, ...]
    builders: tuple[Named, ...]
    pools: tuple[bytes, ...]
    holders: tuple[bytes, ...]
    accounts: tuple[bytes, ...]
    unknown_topics: tuple[bytes, ...]
    unknown_selectors: tuple[bytes, ...]

    @property
    def weth(self) -> Token:
        """The wrapped native token."""
        return self.tokens[0]


_TOKENS = (
    ("WETH", "Wrapped Ether", 18, "2600"),
    ("USDC", "USD Coin", 6, "1"),
    ("USDT", "Tether USD", 6, "1"),
    ("DAI", "Dai Stablecoin", 18, "1"),
    ("WBTC", "Wrapped Bitcoin", 8, "65000"),
    ("LINK", "Chainlink", 18, "14"),
    ("UNI", "Uniswap", 18, "8"),
    ("AAVE", "Aave", 18, "150"),
    ("SHIB", "Shiba Inu", 18, "0.000018"),
    ("PEPE", "Pepe", 18, "0.0000095"),
    ("GUSD", "Gemini Dollar", 2, "1"),
    ("XEN", "XEN Crypto", 18, "0.00000009"),
)
_ROUTERS = (
    "Uniswap: Universal Router",
    "Uniswap: Swap Router 02",
    "Uniswap V2: Router",
    "1inch: Aggregation Router",
    "0x: Exchange Proxy",
    "CoW Protocol: Settlement",
    "Permit2",
)
_SERVICES = (
    "Seaport",
    "ERC-4337: EntryPoint",
    "Safe: Treasury",
    "Chainlink: ETH/USD Feed",
    "Chainlink: BTC/USD Feed",
)
_EXCHANGES = ("Binance", "Coinbase", "Kraken", "OKX", "Bybit", "Bitfinex")
_BUILDERS = ("beaverbuild", "Titan Builder", "rsync-builder", "Flashbots Builder")


@cache
def cast() -> Cast:
    """Make everyone, once for a process. Addresses are the hashes of names."""
    return Cast(
        tokens=tuple(Token(_address(row[0]), *row) for row in _TOKENS),
        airdrop=Token(_address("LUCKY"), "LUCKY", "Lucky Airdrop", 18, "0"),
        collections=_nfts("Devnet Punks", 6),
        multi_collections=_nfts("Devnet Items", 4),
        routers=_named(_ROUTERS),
        services=_named(_SERVICES),
        exchanges=_named([f"{name}: Hot Wallet" for name in _EXCHANGES]),
        builders=_named(_BUILDERS),
        pools=_addresses("pool", 120),
        holders=_addresses("holder", 2000),
        accounts=account_addresses(),
        unknown_topics=tuple(_digest(f"topic {index}") for index in range(200)),
        unknown_selectors=tuple(_digest(f"selector {index}")[:4] for index in range(300)),
    )


def anyone(draws: Draws, cast: Cast) -> bytes:
    """An address as one end of a transfer: an exchange, a known holder, or one never seen."""
    kind = draws.fraction()
    if kind < 0.15:
        return draws.favourite(cast.exchanges).address
    if kind < 0.45:
        return draws.pick(cast.accounts)
    if kind < 0.85:
        return draws.favourite(cast.holders)
    return draws.bytes(20)


def token_id(draws: Draws) -> int:
    """A token id: a counter mostly, and now and then a hash that fills the word, as ENS's."""
    return draws.bits(256) if draws.chance(0.05) else draws.below(20_000)


def _digest(name: str) -> bytes:
    return keccak256(f"chain_assets devnet: {name}".encode())


def _address(name: str) -> bytes:
    return _digest(name)[12:]


def _addresses(kind: str, count: int) -> tuple[bytes, ...]:
    return tuple(_address(f"{kind} {index}") for index in range(count))


def _named(labels: tuple[str, ...] | list[str]) -> tuple[Named, ...]:
    return tuple(Named(_address(label), label) for label in labels)


def _nfts(name: str, count: int) -> tuple[Token, ...]:
    initials = "".join(part[0] for part in name.split())
    return tuple(
        Token(_address(f"{name} {index}"), f"{initials}{index}", f"{name} {index}", 0, None)
        for index in range(1, count + 1)
    )
