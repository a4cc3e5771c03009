"""The ways in which a node says no, as far as this package reacts to each in its own way.

SourceError
├── AccessRefused             the key is wrong: only another provider helps
├── CallRefused               no such method, or not with these parameters: ask in another form
├── SourceUnavailable
│   └── TimedOut              fewer requests at once, smaller batches
├── RateLimited
│   └── Throttled             the same, and `retry_after` says how long to wait
└── MalformedAnswer
    └── BatchRefused          batches are unknown or too large: split
"""

from __future__ import annotations

from chain_assets.core.errors import (
    AccessRefused,
    CallRefused,
    MalformedAnswer,
    RateLimited,
    SourceUnavailable,
)

__all__ = ["AccessRefused", "BatchRefused", "CallRefused", "Throttled", "TimedOut"]


class TimedOut(SourceUnavailable):
    """The node accepted the request and did not answer in time."""


class Throttled(RateLimited):
    """A 429. `retry_after`: the seconds that the node asks to wait, where it says so."""

    retry_after: float | None = None


class BatchRefused(MalformedAnswer):
    """The node does not take this many calls in one request, or their answer is too large."""
