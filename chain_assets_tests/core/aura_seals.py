"""One AuRa seal in the names and forms of each node that writes them."""

from __future__ import annotations

import pytest

from chain_assets_tests.core.proof_blocks import Json, hex_of

STEP = 0x20377DF1
SIGNATURE = (
    "12e39d2e9ad0615a14334ab49a9896a6ef9d6ca65df5d2de96cf852caa74d177"
    "5a65bc4671b35bc50622ba9ef4a75b8730be96534aed014ca14759a1656c733600"
)
ZEROS: Json = {"mixHash": hex_of(bytes(32)), "nonce": hex_of(bytes(8))}
# Each node's names and forms of the seal.
NETHERMIND: Json = {"step": STEP, "signature": f"0x{SIGNATURE}"}
ERIGON: Json = {"auraStep": hex(STEP), "auraSeal": f"0x{SIGNATURE}", **ZEROS}
OPEN_ETHEREUM: Json = {
    "step": str(STEP),
    "signature": SIGNATURE,
    "mixHash": None,
    "nonce": None,
    "sealFields": [f"0x84{STEP:x}", f"0xb841{SIGNATURE}"],
}
FORMS = [
    pytest.param(NETHERMIND, id="Nethermind"),
    pytest.param(ERIGON, id="Erigon"),
    pytest.param(OPEN_ETHEREUM, id="OpenEthereum"),
    pytest.param({**ERIGON, **NETHERMIND}, id="both names"),
    pytest.param({**ERIGON, "step": None, "signature": None}, id="null under the first name"),
]
