"""The transactions of one block: drawn, then signed.

Which types come how often is mainnet's mix. Nothing is executed: there is no state, so a sender's
nonce only grows from block to block (with gaps), and nobody's balance is kept.
"""

from __future__ import annotations

from typing import NamedTuple

from chain_assets.sources.devnet.calls import Call, creation, draw_call, payment
from chain_assets.sources.devnet.cast import Cast
from chain_assets.sources.devnet.draws import Draws
from chain_assets.sources.devnet.envelopes import (
    AccessList,
    Authorization,
    Signed,
    Unsigned,
    authorize,
    sign_transaction,
)
from chain_assets.sources.devnet.signing import ACCOUNTS
from chain_assets.sources.devnet.words import Log

MAX_BLOBS = 9
"""Blobs that a block can hold (EIP-7691)."""

_GWEI = 10**9
_NONCES_PER_BLOCK = 100_000  # an account's nonces of one block stay below those of the next
_MAX_FEE_PER_BLOB_GAS = 10 * _GWEI
_TYPES = (2,) * 755 + (0,) * 195 + (1,) * 10 + (3,) * 35 + (4,) * 5


class Sent(NamedTuple):
    """A signed transaction, who sent it, the gas it uses, and the logs that its input causes."""

    signed: Signed
    sender: bytes
    gas_used: int
    logs: tuple[Log, ...]


class TransactionDrawer:
    """Draws the transactions of one block, in order."""

    def __init__(
        self, draws: Draws, cast: Cast, *, chain_id: int, number: int, base_fee: int
    ) -> None:
        self._draws, self._cast = draws, cast
        self._chain_id, self._base_fee = chain_id, base_fee
        self._next_nonce = number * _NONCES_PER_BLOCK
        self._blobs_left = MAX_BLOBS

    def next(self) -> Sent:
        """The next transaction."""
        draws = self._draws
        account = draws.below(ACCOUNTS)
        sender = self._cast.accounts[account]
        kind = draws.pick(_TYPES)
        blobs = self._take_blobs() if kind == 3 else 0
        if kind == 3 and not blobs:
            kind = 2
        call = self._call(kind, sender)
        unpriced = Unsigned(
            type=kind,
            chain_id=None if kind == 0 and draws.chance(0.03) else self._chain_id,
            account=account,
            nonce=self._take_nonce(),
            to=call.to,
            value=call.value,
            data=call.data,
            access_list=self._access_list(kind),
            max_fee_per_blob_gas=_MAX_FEE_PER_BLOB_GAS if kind == 3 else 0,
            blob_hashes=tuple(b"\x01" + draws.bytes(31) for _ in range(blobs)),
            authorizations=self._authorizations() if kind == 4 else (),
        )
        gas_used = _least_gas(unpriced) + (20_000 + draws.below(160_000) if call.data else 0)
        gas = gas_used + (draws.below(gas_used) if call.data else 0)
        priority_fee, max_fee = self._fees(kind)
        fields = unpriced._replace(gas=gas, priority_fee=priority_fee, max_fee=max_fee)
        signed = sign_transaction(fields, nonce=draws.bits(32))
        return Sent(signed, sender, gas_used, call.logs)

    def _take_nonce(self) -> int:
        self._next_nonce += 1
        return self._next_nonce

    def _take_blobs(self) -> int:
        blobs = min(1 + self._draws.below(6), self._blobs_left)
        self._blobs_left -= blobs
        return blobs

    def _call(self, kind: int, sender: bytes) -> Call:
        draws = self._draws
        # EIP-4844 and EIP-7702: transactions of types 3 and 4 cannot create contracts.
        if kind < 3 and draws.chance(0.003):
            return creation(draws)
        if kind != 3 and draws.chance(0.3):
            return payment(draws, self._cast)
        return draw_call(draws, self._cast, sender)

    def _fees(self, kind: int) -> tuple[int, int]:
        """Priority fee and maximum fee, both in wei per gas."""
        draws = self._draws
        tip = draws.below(3) * _GWEI if draws.chance(0.3) else draws.below(2 * _GWEI)
        if kind < 2:
            return tip, self._base_fee + tip
        if draws.chance(0.1):
            # A tight maximum: the sender pays it, and less than the whole tip goes to the miner.
            return tip, max(tip, self._base_fee + tip // 2)
        return tip, 2 * self._base_fee + tip

    def _access_list(self, kind: int) -> AccessList:
        draws = self._draws
        if kind == 0 or (kind != 1 and not draws.chance(0.03)):
            return ()
        return tuple(
            (
                draws.favourite(self._cast.tokens).address,
                tuple(draws.bytes(32) for _ in range(draws.below(4))),
            )
            for _ in range(1 + draws.below(3))
        )

    def _authorizations(self) -> tuple[Authorization, ...]:
        draws = self._draws
        return tuple(
            authorize(
                draws.below(ACCOUNTS),
                chain_id=draws.pick((0, self._chain_id)),
                address=draws.favourite(self._cast.pools),
                account_nonce=draws.below(50),
                nonce=draws.bits(32),
            )
            for _ in range(1 + draws.below(2))
        )


def _least_gas(fields: Unsigned) -> int:
    """Gas that is used whatever happens, rounded up: no transaction may use less.

    EIP-7623's floor for input (40 a byte), EIP-2930's list, EIP-7702's tuples, and creation with
    EIP-3860's init code words.
    """
    input_gas = 40 * len(fields.data)
    creation_gas = 0 if fields.to else 32_000 + len(fields.data) // 16
    keys = sum(len(keys) for _, keys in fields.access_list)
    list_gas = 2_400 * len(fields.access_list) + 1_900 * keys
    return 21_000 + input_gas + creation_gas + list_gas + 25_000 * len(fields.authorizations)
