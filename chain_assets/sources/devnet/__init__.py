"""A made-up chain of valid blocks, with forks, lag and faults on demand.

spec.py         what a chain is made from; forks
draws.py        randomness                    cast.py      who appears
words.py logs.py odd_logs.py calls.py         what contracts emit and are called with
signing.py envelopes.py transactions.py       signed transactions of types 0 to 4
receipts.py blocks.py render.py               receipts, headers, hashes; JSON
chain.py controller.py faults.py node.py      blocks on all forks; head, reorgs; answers
source.py rpc_methods.py server.py            the ways to ask: in process, over HTTP
reference.py    labels, token metadata and prices
"""

from chain_assets.sources.devnet.controller import Devnet, Tip
from chain_assets.sources.devnet.faults import Fault, FaultKind, Faults
from chain_assets.sources.devnet.server import serve
from chain_assets.sources.devnet.source import DevnetSource
from chain_assets.sources.devnet.spec import DevnetSpec

__all__ = [
    "Devnet",
    "DevnetSource",
    "DevnetSpec",
    "Fault",
    "FaultKind",
    "Faults",
    "Tip",
    "serve",
]
