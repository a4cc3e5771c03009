"""What goes wrong with a node, on demand and reproducibly.

    how the answer travels           what the answer says
    refuse        hangs up           null_block        no such block
    server_error  HTTP 503           foreign_block     a block of another fork
    rate_limit    HTTP 429           null_receipts     no receipts
    time_out      answers too late   no_receipts_method  eth_getBlockReceipts unknown
    truncated     half the JSON      altered_receipt   a byte of a log (or a status) changed
    malformed     no JSON            missing_log       a log left out
                                     foreign_receipts  receipts of another fork's block

and lag: the node knows an older head than the chain has.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from typing import Literal, get_args

from chain_assets.core.errors import ConfigError
from chain_assets.sources.devnet.draws import Draws

TransportFault = Literal[
    "refuse", "server_error", "rate_limit", "time_out", "truncated", "malformed"
]
ContentFault = Literal[
    "null_block",
    "foreign_block",
    "null_receipts",
    "no_receipts_method",
    "altered_receipt",
    "missing_log",
    "foreign_receipts",
]
FaultKind = Literal[TransportFault, ContentFault]

TRANSPORT_FAULTS: tuple[TransportFault, ...] = get_args(TransportFault)
CONTENT_FAULTS: tuple[ContentFault, ...] = get_args(ContentFault)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One kind of fault.

    It strikes requests for the numbers in `blocks` (None: every request, also one that names no
    block), each time with `probability`, and no longer than `times` times for one block (None:
    for ever).
    """

    kind: FaultKind
    probability: float = 1.0
    blocks: frozenset[int] | None = None
    times: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in TRANSPORT_FAULTS + CONTENT_FAULTS:
            raise ConfigError(f"no such fault: {self.kind!r}", todo=f"Known are {FaultKind}")
        if not 0 <= self.probability <= 1:
            raise ConfigError(
                f"the probability of fault {self.kind} is {self.probability}",
                todo="Give a number from 0 to 1",
            )


@dataclass(frozen=True, kw_only=True)
class Faults:
    """All that is wrong with a node. `delay_seconds` is how late a `time_out` answers."""

    rules: tuple[Fault, ...] = ()
    lag_blocks: int = 0
    delay_seconds: float = 30.0
    seed: int = 0


class FaultDice:
    """Decides request by request; the same requests in the same order meet the same faults.

    Each (rule, block) has a stream of its own, so the order in which several threads ask for
    different blocks changes nothing.
    """

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self._lock = threading.Lock()
        self._asked: Counter[tuple[int, int | None]] = Counter()
        self._struck: Counter[tuple[int, int | None]] = Counter()

    def strikes(self, kind: FaultKind, block: int | None) -> bool:
        """Whether this request for `block` (None: for no block) meets a fault of `kind`."""
        return any(
            fault.kind == kind and self._rule_strikes(index, fault, block)
            for index, fault in enumerate(self.faults.rules)
        )

    def transport_fault(self, block: int | None) -> TransportFault | None:
        """The first transport fault that this request meets."""
        return next((kind for kind in TRANSPORT_FAULTS if self.strikes(kind, block)), None)

    def _rule_strikes(self, index: int, fault: Fault, block: int | None) -> bool:
        if fault.blocks is not None and block not in fault.blocks:
            return False
        key = (index, block)
        with self._lock:
            if fault.times is not None and self._struck[key] >= fault.times:
                return False
            attempt = self._asked[key]
            self._asked[key] += 1
            draws = Draws("fault", self.faults.seed, index, str(block), attempt)
            struck = draws.chance(fault.probability)
            self._struck[key] += struck
        return struck
