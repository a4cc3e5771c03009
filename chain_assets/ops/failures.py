"""What a database's error means, in words that hold no URL, password, statement or parameter.

The drivers' own texts are not passed on: PostgreSQL's name host and user, and quote values.
"""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, NoSuchModuleError, SQLAlchemyError

from chain_assets.core.errors import OpsStoreFailed

_OTHER_PLACE = "Set CHAIN_ASSETS_OPS to a database on a local disk, or to a PostgreSQL"
_CHECK_URL = "Check CHAIN_ASSETS_OPS"

# How SQLite's name of an error begins → what it means, what to do.
_SQLITE = {
    "SQLITE_BUSY": ("it was locked by others for too long", "Try again"),
    "SQLITE_CANTOPEN": ("the file cannot be opened", _OTHER_PLACE),
    "SQLITE_READONLY": ("the file or its folder is read-only", _OTHER_PLACE),
    "SQLITE_PERM": ("access to the file is denied", _OTHER_PLACE),
    "SQLITE_FULL": ("the disk is full", "Free some space"),
    "SQLITE_PROTOCOL": ("its file system cannot lock files", _OTHER_PLACE),
    "SQLITE_NOLFS": ("its file system cannot hold large files", _OTHER_PLACE),
    "SQLITE_IOERR": ("its file system failed", _OTHER_PLACE),
    "SQLITE_NOTADB": ("the file is not a SQLite database", _OTHER_PLACE),
    "SQLITE_CORRUPT": (
        "the file is damaged",
        "Move it away: a new one is made, and no block is lost",
    ),
}

# A phrase of libpq's text (lower case) → what it means, what to do.
_POSTGRESQL = {
    "authentication failed": ("it refused user or password", _CHECK_URL),
    "no password supplied": ("it asks for a password", _CHECK_URL),
    "no pg_hba.conf entry": ("it does not let this machine in", "Allow it in pg_hba.conf"),
    "does not exist": ("a database, user or table of that name does not exist", _CHECK_URL),
    "permission denied": ("the user may not do that", "Grant it the rights on its tables"),
    "too many": ("it has no connection left", "Raise max_connections, or try again"),
    "could not translate host name": ("its host name is unknown", _CHECK_URL),
    "connection refused": ("nothing listens there", "Start it, or check CHAIN_ASSETS_OPS"),
    "no such file or directory": ("nothing listens there", "Start it, or check CHAIN_ASSETS_OPS"),
    "timeout": ("it did not answer in time", "Try again"),
    "read-only": ("it takes no writes (a standby?)", "Name the primary in CHAIN_ASSETS_OPS"),
    "no space left": ("its disk is full", "Free some space"),
    "ssl": ("the secure connection failed", "Check sslmode in CHAIN_ASSETS_OPS"),
    "shutting down": ("it is shutting down", "Try again"),
    "starting up": ("it is starting", "Try again"),
    "closed the connection": ("it closed the connection", "Try again"),
    "terminating connection": ("it closed the connection", "Try again"),
}


def store_failure(error: SQLAlchemyError, place: str) -> OpsStoreFailed:
    """The error to raise instead of `error`, about the store at `place` (which is no secret)."""
    reason, todo = _meaning(error)
    return OpsStoreFailed(f"the ops store ({place}) failed: {reason}", todo=todo)


def is_busy(error: DBAPIError) -> bool:
    """Whether SQLite refused since others hold the file."""
    return str(getattr(error.orig, "sqlite_errorname", "")).startswith("SQLITE_BUSY")


def _meaning(error: SQLAlchemyError) -> tuple[str, str | None]:
    if isinstance(error, NoSuchModuleError):
        return "there is no such kind of database", _CHECK_URL
    if not isinstance(error, DBAPIError) or error.orig is None:
        return type(error).__name__, None
    cause = error.orig
    sqlite_name: str | None = getattr(cause, "sqlite_errorname", None)
    if sqlite_name is not None:
        known = (found for start, found in _SQLITE.items() if sqlite_name.startswith(start))
        return next(known, (sqlite_name, None))
    text = str(cause).lower()
    known = (found for phrase, found in _POSTGRESQL.items() if phrase in text)
    # The class is PostgreSQL's own name of the condition, such as UniqueViolation.
    code: str | None = getattr(cause, "pgcode", None)
    unknown = type(cause).__name__ + (f" ({code})" if code else "")
    return next(known, (unknown, None))
