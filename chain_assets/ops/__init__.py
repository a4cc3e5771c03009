"""The ops store: what several processes and people have to agree on, in one SQL database.

    leases       who may write a range of a layer now; tokens that fence off who may no longer
    holds        blocks that failed, why, and when they are tried again
    approvals    what a person has to decide, and what was decided
    watermarks   the highest finalized block that was ever seen, per chain
    unfinished   ranges in which something was begun that takes several commits
    audit        who did what when; written in the same transaction as what it tells

What is done is read from the lake's tables, never from here: a lost ops store costs waits and
pending questions, no data; what a kill left unfinished in final ranges `gaps` finds all the same.
SQLite by default, PostgreSQL for several machines; the same code and the same tests for both.
"""

from __future__ import annotations
