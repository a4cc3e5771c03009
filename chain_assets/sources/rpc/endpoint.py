"""A provider's URL, and how it is kept out of everything that people or machines read.

The path, the query and the user info of an RPC URL are credentials. So a provider is named by its
host and its place in the list, texts that come from outside are scrubbed of every part of the
URL, and the log lines in which urllib3 prints request paths are scrubbed as they are made.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from chain_assets.core.errors import ConfigError

_SHOWN_TEXT = 200  # characters of a node's own error message; a proxy may answer a whole page
_SHORTEST_SECRET = 6  # "v2" and "eth" are no secrets, and to blank them makes texts unreadable
_KEY_LABEL = re.compile(r"(?=.*\d)[0-9a-z]{20,}")  # some providers put the key into the host name
_TALKATIVE_LOGGERS = ("urllib3.connectionpool", "urllib3.util.retry", "websockets.client")


@dataclass(frozen=True)
class Endpoint:
    """Where a provider is. Only `name` may be shown."""

    name: str
    url: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)

    def blank(self, text: str) -> str:
        """`text` without any part of the URL that may be a key."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text

    def scrub(self, text: str) -> str:
        """As `blank`, on one line, cut to a length."""
        text = " ".join(self.blank(text).split())
        return text if len(text) <= _SHOWN_TEXT else f"{text[:_SHOWN_TEXT]}…"


def parse_endpoint(
    url: str, index: int, *, chain: str, schemes: tuple[str, str] = ("http", "https")
) -> Endpoint:
    """The endpoint at `url`, the chain's `index`-th. Raises ConfigError, which never quotes it."""
    try:
        parts = urlsplit(url.strip())
        host, readable = parts.hostname, parts.port is None or parts.port > 0
    except ValueError:
        host, readable = None, False
    # Raised out here: inside the handler the ValueError, which quotes the URL, would be its cause.
    if not host or not readable or parts.scheme not in schemes:
        raise ConfigError(
            f"RPC URL number {index} is not an {schemes[0]}:// or {schemes[1]}:// URL with a host",
            chain=chain,
            todo="Correct the environment variable that holds the chain's RPC URLs",
        )
    pieces = [
        *parts.path.split("/"),
        *re.split("[&=]", parts.query),
        *(parts.netloc.split("@")[:-1]),
    ]
    pieces += [parts.username or "", parts.password or "", parts.path, parts.query, parts.fragment]
    labels = [label for label in host.split(".") if _KEY_LABEL.fullmatch(label)]
    known = {url, *pieces, *(unquote(piece) for piece in pieces), *labels}
    secrets = sorted((s for s in known if len(s) >= _SHORTEST_SECRET), key=len, reverse=True)
    shown = ".".join("***" if label in labels else label for label in host.split("."))
    return Endpoint(f"{shown}#{index}", url.strip(), tuple(secrets))


class _ScrubbingFilter(logging.Filter):
    """Blanks the secrets of the endpoints it knows in every record of the loggers it is on."""

    def __init__(self) -> None:
        super().__init__()
        self.endpoints: dict[str, Endpoint] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if any(secret in text for e in self.endpoints.values() for secret in e.secrets):
            for endpoint in self.endpoints.values():
                text = endpoint.scrub(text)
            record.msg, record.args = text, ()
        return True


_SCRUBBING = _ScrubbingFilter()


def scrub_logs(endpoint: Endpoint) -> None:
    """From now on log lines of the HTTP and websocket clients do not show this endpoint's URL."""
    _SCRUBBING.endpoints[endpoint.url] = endpoint
    for name in _TALKATIVE_LOGGERS:
        logging.getLogger(name).addFilter(_SCRUBBING)
