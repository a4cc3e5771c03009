"""Transactions as bytes: what is signed, what is hashed, per type.

0  legacy        before and after EIP-155
1  EIP-2930      access list
2  EIP-1559      priority and maximum fee
3  EIP-4844      blobs
4  EIP-7702      authorizations
"""

from __future__ import annotations

from typing import NamedTuple

from chain_assets.core.keccak import keccak256
from chain_assets.core.rlp import RlpItem, encode_items, wrap_payload
from chain_assets.sources.devnet.signing import Signature, sign

AccessList = tuple[tuple[bytes, tuple[bytes, ...]], ...]

_AUTHORIZATION_MAGIC = b"\x05"  # EIP-7702


class Authorization(NamedTuple):
    """EIP-7702: an account lends itself the code at `address`, on one chain or (0) on any."""

    chain_id: int
    address: bytes
    nonce: int
    signature: Signature


class Unsigned(NamedTuple):
    """A transaction's own fields. Fees are wei per gas.

    A legacy or EIP-2930 transaction has `gas_price` = `max_fee`, and its `priority_fee` is not
    part of it. `chain_id` is None for a legacy transaction without replay protection.
    """

    type: int
    chain_id: int | None
    account: int
    nonce: int
    to: bytes
    value: int
    data: bytes
    gas: int = 0
    priority_fee: int = 0
    max_fee: int = 0
    access_list: AccessList = ()
    max_fee_per_blob_gas: int = 0
    blob_hashes: tuple[bytes, ...] = ()
    authorizations: tuple[Authorization, ...] = ()


class Signed(NamedTuple):
    """A transaction as it is sent: `envelope` is its EIP-2718 form, `hash` that form's hash."""

    fields: Unsigned
    v: int
    signature: Signature
    envelope: bytes
    hash: bytes


def sign_transaction(fields: Unsigned, *, nonce: int) -> Signed:
    """Sign `fields` with the key of their account; `nonce` is the signature's, not the account's.

    The signed hash: EIP-155 for legacy, and for the others type byte and list without signature.
    """
    payload = encode_items(_items(fields))
    prefix = b"" if fields.type == 0 else bytes((fields.type,))
    protection = b""
    if fields.type == 0 and fields.chain_id is not None:
        protection = encode_items((fields.chain_id, 0, 0))
    digest = keccak256(prefix + wrap_payload(payload + protection))
    signature = sign(fields.account, digest, nonce=nonce)
    v = _v(fields, signature.y_parity)
    signed = payload + encode_items((v, signature.r, signature.s))
    envelope = prefix + wrap_payload(signed)
    return Signed(fields, v, signature, envelope, keccak256(envelope))


def authorize(
    account: int, *, chain_id: int, address: bytes, account_nonce: int, nonce: int
) -> Authorization:
    """Account `account`'s signed authorization tuple (EIP-7702)."""
    message = _AUTHORIZATION_MAGIC + wrap_payload(encode_items((chain_id, address, account_nonce)))
    signature = sign(account, keccak256(message), nonce=nonce)
    return Authorization(chain_id, address, account_nonce, signature)


def _v(fields: Unsigned, y_parity: int) -> int:
    if fields.type:
        return y_parity
    if fields.chain_id is None:
        return 27 + y_parity
    return 35 + 2 * fields.chain_id + y_parity


def _items(fields: Unsigned) -> list[RlpItem]:
    core: list[RlpItem] = [fields.gas, fields.to, fields.value, fields.data]
    if fields.type == 0:
        return [fields.nonce, fields.max_fee, *core]
    fees = [fields.max_fee] if fields.type == 1 else [fields.priority_fee, fields.max_fee]
    items: list[RlpItem] = [fields.chain_id or 0, fields.nonce, *fees, *core, fields.access_list]
    if fields.type == 3:
        items += [fields.max_fee_per_blob_gas, fields.blob_hashes]
    if fields.type == 4:
        items.append([_authorization_items(each) for each in fields.authorizations])
    return items


def _authorization_items(authorization: Authorization) -> RlpItem:
    return [
        authorization.chain_id,
        authorization.address,
        authorization.nonce,
        *authorization.signature,
    ]
