"""A real EVM node for tests: anvil, started on a free port and stopped at the end.

with running_anvil() as node:
    node.send({"value": 1})
    node.mine()
"""

from __future__ import annotations

import hashlib
import itertools
import re
import subprocess
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import requests
import rlp  # type: ignore[import-untyped]
from eth_account import Account
from eth_account.datastructures import SignedTransaction
from eth_account.signers.local import LocalAccount

from chain_assets_tests.tools import find_anvil, missing_tool

CHAIN_ID = 31337
# The first accounts of the mnemonic "test test … junk", public test keys that anvil funds.
KEYS = (
    "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
)
_LISTENING = re.compile(r"Listening on (127\.0\.0\.1:\d+)")
_GWEI = 10**9

# A blob of zeros is the zero polynomial: its KZG commitment and its proof are the point at
# infinity. So they need not be computed, which takes ten seconds.
_BLOB = bytes(131_072)  # 4096 field elements of 32 bytes
_INFINITY = b"\xc0" + bytes(47)
_VERSIONED_HASH = b"\x01" + hashlib.sha256(_INFINITY).digest()[1:]


@dataclass
class Anvil:
    """A running node. `url` is its JSON-RPC endpoint."""

    url: str

    def __post_init__(self) -> None:
        self.account: LocalAccount = Account.from_key(KEYS[0])
        self.authority: LocalAccount = Account.from_key(KEYS[1])
        self._ids = itertools.count(1)

    def rpc(self, method: str, *params: Any) -> Any:
        """The result of one call. Raises AssertionError with the node's error."""
        request: Any = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
        answer = requests.post(self.url, json=request, timeout=30).json()
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def mine(self, blocks: int = 1) -> None:
        """Mine that many blocks now."""
        self.rpc("anvil_mine", hex(blocks))

    def nonce(self, account: LocalAccount) -> int:
        """The account's next nonce, pending transactions included."""
        return int(self.rpc("eth_getTransactionCount", account.address, "pending"), 16)

    def send(self, transaction: dict[str, Any]) -> str:
        """Sign a transaction as `account`, send it, and return its hash. Fees are filled in."""
        filled: dict[str, Any] = {
            "chainId": CHAIN_ID,
            "nonce": self.nonce(self.account),
            "gas": 200_000,
            "value": 0,
            "to": self.authority.address,
            "data": b"",
        } | transaction
        if "gasPrice" not in filled:
            filled |= {"maxFeePerGas": 50 * _GWEI, "maxPriorityFeePerGas": _GWEI}
        signed: SignedTransaction = self.account.sign_transaction(filled)
        raw = bytes(signed.raw_transaction)
        if filled.get("type") == 3:
            raw = _with_sidecar(raw)
        sent: str = self.rpc("eth_sendRawTransaction", "0x" + raw.hex())
        return sent


def _with_sidecar(raw: bytes) -> bytes:
    """A type-3 transaction as nodes hand it on, with the blob of zeros (EIP-4844, networking)."""
    sidecar: bytes = rlp.encode([rlp.decode(raw[1:]), [_BLOB], [_INFINITY], [_INFINITY]])
    return b"\x03" + sidecar


def transactions_of_each_type(node: Anvil) -> dict[int, dict[str, Any]]:
    """A transaction of type 0, 1, 2, 3 and 4 to be sent by `node.send`, by type."""
    access = [{"address": node.authority.address, "storageKeys": ["0x" + "00" * 32]}]
    delegation = {"chainId": CHAIN_ID, "address": "0x" + "11" * 20}
    signed = node.authority.sign_authorization(delegation | {"nonce": node.nonce(node.authority)})
    return {
        0: {"gasPrice": 50 * _GWEI, "value": 1},
        1: {"type": 1, "gasPrice": 50 * _GWEI, "accessList": access},
        2: {"type": 2, "accessList": access, "value": 2},
        3: {
            "type": 3,
            "maxFeePerBlobGas": _GWEI,
            "blobVersionedHashes": ["0x" + _VERSIONED_HASH.hex()],
        },
        4: {"type": 4, "authorizationList": [signed]},
    }


@contextmanager
def running_anvil(*options: str) -> Iterator[Anvil]:
    """A node that mines when told to. Skips the test where anvil is missing."""
    program = find_anvil()
    if program is None:
        missing_tool("anvil", "run `python -m chain_assets_tests.tools anvil`")
    command = [str(program), "--port", "0", "--hardfork", "prague", "--no-mining", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            url = _url_of(process.stdout, program)
            # anvil prints each call, and would stop at a full pipe if nobody read it.
            reader = threading.Thread(target=deque, args=(process.stdout, 0))
            reader.start()
            yield Anvil(url)
        finally:
            process.terminate()
            process.wait()
    reader.join()


def _url_of(output: IO[str], program: Path) -> str:
    for line in output:
        match = _LISTENING.search(line)
        if match:
            return f"http://{match[1]}"
    raise AssertionError(f"{program} ended before it listened")
