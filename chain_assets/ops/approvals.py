"""Approvals: what a person has to decide, who decided, and why.

    request ──→ pending ──approve──→ approved ──use──→ used
                   │  ╰───reject───→ rejected
                   ╰──── time ─────→ expired      (approved and rejected ones too)

A decision can be changed until it is used or expires. Asking again for what is pending or decided
gives the same one, so that a loop which asks every minute asks a person once; a rejection stands
until it expires.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, insert, select, update

from chain_assets.core.errors import ApprovalNeeded
from chain_assets.ops.audit import record
from chain_assets.ops.database import Database
from chain_assets.ops.schema import approvals

Kind = Literal["deep_reorg", "backfill", "refresh"]
ApprovalState = Literal["pending", "approved", "rejected", "expired", "used"]
LIFETIME_SECONDS = 7 * 86_400.0
_OPEN: tuple[ApprovalState, ...] = ("pending", "approved", "rejected")


@dataclass(frozen=True)
class Approval:
    """One question and its answer. Times are Unix seconds; `subject` names what it is about."""

    id: str
    kind: Kind
    chain: str
    subject: str
    what: str
    requested_at: float
    requested_by: str
    expires_at: float
    state: ApprovalState
    detail: Mapping[str, Any] = field(default_factory=dict)
    decided_at: float | None = None
    decided_by: str | None = None
    why: str | None = None

    def needed(self) -> ApprovalNeeded:
        """The error that says how to go on."""
        return ApprovalNeeded(
            f"{self.what} (approval {self.id}: {self.state})",
            chain=self.chain,
            todo=f"chain-assets approvals show {self.id}, then approve or reject it",
        )


def new_id() -> str:
    """Eight characters, which a person types."""
    return secrets.token_hex(4)


class Approvals:
    """The approvals of a store. All methods raise OpsStoreFailed."""

    def __init__(
        self, database: Database, clock: Callable[[], float], *, ids: Callable[[], str] = new_id
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids

    def request(
        self,
        kind: Kind,
        chain: str,
        subject: str,
        *,
        what: str,
        by: str,
        detail: Mapping[str, Any] | None = None,
        lifetime: float = LIFETIME_SECONDS,
    ) -> Approval:
        """The approval for (`kind`, `chain`, `subject`): the open one, else a new question.

        `what` is one line for the person who decides, `detail` (JSON, no secrets) the rest.
        """
        json.dumps(detail)  # a detail that cannot be stored is the caller's error, not the store's
        with self._changing() as (connection, now):
            latest = _latest(connection, now, kind, chain, subject)
            if latest is not None and latest.state in _OPEN:
                return latest
            asked = Approval(
                id=self._ids(),
                kind=kind,
                chain=chain,
                subject=subject,
                what=what,
                detail=dict(detail or {}),
                requested_at=now,
                requested_by=by,
                expires_at=now + lifetime,
                state="pending",
            )
            connection.execute(insert(approvals).values(**vars(asked)))
            _record(connection, asked, at=now, actor=by, action="approval requested")
        return asked

    def approve(self, approval_id: str, *, who: str, why: str) -> Approval:
        """Say yes. From now it has as long again to be used as it had to be decided.

        Raises ApprovalNeeded where it is unknown, used or expired.
        """
        return self._decide(approval_id, "approved", who, why)

    def reject(self, approval_id: str, *, who: str, why: str) -> Approval:
        """Say no. Raises ApprovalNeeded where it is unknown, used or expired."""
        return self._decide(approval_id, "rejected", who, why)

    def use(self, approval_id: str, *, by: str) -> Approval:
        """Take an approval up, once. Raises ApprovalNeeded where it is not approved (any more)."""
        with self._changing() as (connection, now):
            approval = _get(connection, now, approval_id)
            if approval.state != "approved":
                raise approval.needed()
            used = replace(approval, state="used")
            _store(connection, used)
            _record(connection, used, at=now, actor=by, action="approval used")
        return used

    def note(self, approval_id: str, **detail: Any) -> None:
        """Keep with an approval how far its work has come. Raises ApprovalNeeded."""
        with self._changing() as (connection, now):
            own = {**_get(connection, now, approval_id).detail, **detail}
            this = approvals.c.id == approval_id
            connection.execute(update(approvals).where(this).values(detail=own))

    def find(self, kind: Kind, chain: str, subject: str) -> Approval | None:
        """The newest approval for (`kind`, `chain`, `subject`), whatever its state, or None."""
        with self._database.reading() as connection:
            return _latest(connection, self._clock(), kind, chain, subject)

    def get(self, approval_id: str) -> Approval:
        """The approval of that id. Raises ApprovalNeeded where there is none."""
        with self._database.reading() as connection:
            return _get(connection, self._clock(), approval_id)

    def all(self, state: ApprovalState | None = None) -> tuple[Approval, ...]:
        """All approvals, or those in `state`, newest first."""
        with self._database.reading() as connection:
            found = _read(connection, self._clock())
        return tuple(approval for approval in found if state in (None, approval.state))

    def _decide(self, approval_id: str, state: ApprovalState, who: str, why: str) -> Approval:
        with self._changing() as (connection, now):
            approval = _get(connection, now, approval_id)
            if approval.state not in _OPEN:
                raise approval.needed()
            lifetime = approval.expires_at - (approval.decided_at or approval.requested_at)
            decided = replace(
                approval,
                state=state,
                decided_at=now,
                decided_by=who,
                why=why,
                expires_at=now + lifetime,
            )
            _store(connection, decided)
            action = f"approval {state}"
            _record(connection, decided, at=now, actor=who, action=action, detail={"why": why})
        return decided

    @contextmanager
    def _changing(self) -> Iterator[tuple[Connection, float]]:
        with self._database.changing("approvals") as connection:
            now = self._clock()
            overdue = approvals.c.state.in_(_OPEN), approvals.c.expires_at <= now
            for approval in _read(connection, now, *overdue):
                _store(connection, approval)
                _record(connection, approval, at=now, actor="clock", action="approval expired")
            yield connection, now


def _read(connection: Connection, now: float, *where: ColumnElement[bool]) -> list[Approval]:
    """Newest first. What is overdue is expired, whether somebody has written that or not."""
    query = select(approvals).where(*where).order_by(approvals.c.requested_at.desc())
    found = [Approval(**row) for row in connection.execute(query).mappings()]
    return [
        replace(a, state="expired") if a.state in _OPEN and a.expires_at <= now else a
        for a in found
    ]


def _get(connection: Connection, now: float, approval_id: str) -> Approval:
    found = _read(connection, now, approvals.c.id == approval_id)
    if not found:
        raise ApprovalNeeded(
            f"there is no approval {approval_id!r}", todo="chain-assets approvals list shows them"
        )
    return found[0]


def _latest(
    connection: Connection, now: float, kind: Kind, chain: str, subject: str
) -> Approval | None:
    same = (
        approvals.c.kind == kind,
        approvals.c.chain == chain,
        approvals.c.subject == subject,
    )
    return next(iter(_read(connection, now, *same)), None)


def _store(connection: Connection, approval: Approval) -> None:
    """Write what of `approval` a decision changes."""
    connection.execute(
        update(approvals)
        .where(approvals.c.id == approval.id)
        .values(
            state=approval.state,
            expires_at=approval.expires_at,
            decided_at=approval.decided_at,
            decided_by=approval.decided_by,
            why=approval.why,
        )
    )


def _record(
    connection: Connection,
    approval: Approval,
    *,
    at: float,
    actor: str,
    action: str,
    detail: Mapping[str, Any] | None = None,
) -> None:
    record(
        connection,
        at=at,
        actor=actor,
        action=action,
        chain=approval.chain,
        subject=f"{approval.id} {approval.kind} {approval.subject}",
        detail=detail,
    )
