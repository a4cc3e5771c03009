"""Every error that this package raises.

    ChainAssetsError
    ├── ConfigError                  chains.toml or the environment is wrong
    ├── OptionError                  an option of a command has a value that is none
    ├── SourceError                  a node or a folder of blocks did not give what was asked
    │   ├── SourceUnavailable  (t)   unreachable, timed out, answered 5xx
    │   ├── RateLimited        (t)   answered 429 or its JSON-RPC equivalent
    │   ├── AccessRefused            answered 401 or 403
    │   ├── CallRefused              does not offer the call, or not with these parameters
    │   ├── MalformedAnswer    (t)   answered something that is not a block or its receipts
    │   └── BlockNotFound      (t)   `null`: not there yet, or pruned, or not in the folder
    ├── BudgetSpent                  more requests than this run was allowed
    ├── LinkError              (t)   a block's parent is not the block before it
    ├── DecodeError                  a block's JSON does not say what its schema asks
    ├── ReferenceFileError           a label, token, price or ABI file cannot be read
    ├── QueryError                   the SQL is wrong, or asks for what is not there
    ├── PartitionError               a run was asked for partitions that are no range of blocks
    ├── AlreadyRunning               another process holds the lock of the same deployment
    ├── LakeError                    object store or Delta table
    │   ├── BlobCorrupt        (t)   a raw blob is gone or not what the index says
    │   ├── StorageFailed      (t)   a read or a write failed (disk full, access denied, …)
    │   └── CommitConflict     (t)   another writer changed the same range first
    └── OpsError                     leases, holds and approvals
        ├── OpsStoreFailed     (t)   their database cannot be read or written
        ├── LeaseTaken         (t)   another writer is at work on the range
        ├── LeaseLost          (t)   another writer has taken the range over
        ├── ApprovalNeeded           a person has to approve it first
        └── ChainHalted              a reorg too deep to follow without a person's approval

(t) marks transient errors: the same call may succeed later, so a caller may retry. All others
are permanent: a retry without a change by a person gives the same error.
"""

from __future__ import annotations

from typing import ClassVar


class ChainAssetsError(Exception):
    """What was wrong, where (chain, block, table), and what to do about it.

    `where` is put before the message and `todo` after it, so that no error comes without them.
    """

    transient: ClassVar[bool] = False

    def __init__(
        self,
        what: str,
        *,
        chain: str | None = None,
        block: int | None = None,
        table: str | None = None,
        todo: str | None = None,
    ) -> None:
        self.what, self.chain, self.block, self.table, self.todo = what, chain, block, table, todo
        places = (chain, None if block is None else f"block {block}", table)
        where = ", ".join(place for place in places if place)
        message = f"{where}: {what}" if where else what
        super().__init__(f"{message}. {todo}" if todo else message)

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments are lost by the default pickling of exceptions, and errors cross
        # process borders (Spark workers, multiprocess pools).
        return (_rebuild, (type(self), self.what, self.chain, self.block, self.table, self.todo))


def _rebuild(
    kind: type[ChainAssetsError],
    what: str,
    chain: str | None,
    block: int | None,
    table: str | None,
    todo: str | None,
) -> ChainAssetsError:
    return kind(what, chain=chain, block=block, table=table, todo=todo)


class ConfigError(ChainAssetsError):
    """chains.toml or the environment is wrong."""


class OptionError(ChainAssetsError):
    """An option of a command has a value that is none."""


class SourceError(ChainAssetsError):
    """A source of blocks did not give what was asked."""


class SourceUnavailable(SourceError):
    """The node cannot be reached, timed out, or answered with a server error."""

    transient = True


class RateLimited(SourceError):
    """The node asks for fewer requests."""

    transient = True


class AccessRefused(SourceError):
    """The node refuses access, HTTP 401 or 403: the key in its URL is wrong or has run out."""


class CallRefused(SourceError):
    """The node does not offer this call, or not with these parameters."""


class MalformedAnswer(SourceError):
    """The answer is not what the JSON-RPC specification says it is."""

    transient = True


class BlockNotFound(SourceError):
    """The source has no such block (now)."""

    transient = True


class BudgetSpent(ChainAssetsError):
    """The run has made as many requests as it was allowed."""


class LinkError(ChainAssetsError):
    """A block's parent hash is not the hash of the block before it."""

    transient = True


class DecodeError(ChainAssetsError):
    """A block's JSON cannot be decoded into the tables' types without loss."""


class ReferenceFileError(ChainAssetsError):
    """A label, token, price or ABI file cannot be read."""


class QueryError(ChainAssetsError):
    """The SQL is wrong, or asks for what is not there."""


class PartitionError(ChainAssetsError):
    """A run was asked for partitions that are not a range of blocks."""


class AlreadyRunning(ChainAssetsError):
    """Another process holds the lock."""


class LakeError(ChainAssetsError):
    """The object store or a Delta table."""


class BlobCorrupt(LakeError):
    """A raw blob is missing, or its bytes are not those that the index names."""

    transient = True


class StorageFailed(LakeError):
    """The object store refused a read or a write."""

    transient = True


class CommitConflict(LakeError):
    """Another writer changed the same range of the same table first."""

    transient = True


class OpsError(ChainAssetsError):
    """Leases, holds and approvals."""


class OpsStoreFailed(OpsError):
    """The database of leases, holds and approvals cannot be read or written."""

    transient = True


class LeaseTaken(OpsError):
    """Another writer is at work on the same layer of the same range."""

    transient = True


class LeaseLost(OpsError):
    """The lease ran out, and another writer has taken the range over: nothing more is written."""

    transient = True


class ApprovalNeeded(OpsError):
    """It is set up so that a person approves this before it is done."""


class ChainHalted(OpsError):
    """The node has replaced more than may be followed without a person's approval."""


# These say that something is wrong with one range, or that somebody else is at work on it.
OF_ONE_RANGE = (LakeError, LeaseLost, LeaseTaken, LinkError)
