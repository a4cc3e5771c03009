"""An RPC URL holds a key, and no error, log line or repr shows any of it."""

from __future__ import annotations

import io
import logging
import time
import traceback
from typing import Any

import pytest
from rich.console import Console
from rich.traceback import Traceback

from chain_assets.core.errors import ChainAssetsError, ConfigError, MalformedAnswer
from chain_assets.sources.rpc import RpcSource
from chain_assets.sources.rpc.endpoint import parse_endpoint
from chain_assets_tests.sources.scripted_node import (
    SPEC,
    Reply,
    good,
    reply,
    scripted_node,
    source_of,
)

KEY = "SECRETKEY"


def with_key(url: str) -> str:
    """The same URL with a key in its user info, path and query."""
    return url.replace("://", f"://user-{KEY}:pass-{KEY}@") + f"/v3/{KEY}/path?apikey={KEY}&x={KEY}"


def everything_shown(error: BaseException) -> str:
    """The error, its causes and contexts, their tracebacks with the values of local variables."""
    texts: list[str] = []
    pending: list[BaseException | None] = [error]
    seen: set[int] = set()
    while pending:
        one = pending.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        texts += [str(one), repr(one), repr(one.args), repr(vars(one))]
        pending += [one.__cause__, one.__context__]
    assert error.__traceback__ is not None
    frames = error.__traceback__.tb_next  # without the test's own, which holds the URL
    shown = traceback.TracebackException(type(error), error, frames, capture_locals=True)
    return "".join([*texts, *shown.format()])


@pytest.fixture(autouse=True)
def _log_everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


ECHO = (
    b'{"id":1,"error":{"code":-32000,"message":"project /v3/' + KEY.encode()
) + b' is unknown"}}'


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Reply(status=401), id="401"),
        pytest.param(Reply(status=404), id="404"),
        pytest.param(Reply(status=429), id="429"),
        pytest.param(Reply(status=500), id="500"),
        pytest.param(Reply(status=302, headers={"Location": f"/{KEY}"}), id="redirect"),
        pytest.param(Reply(b"<html>"), id="no JSON"),
        pytest.param(Reply(b'{"id":1', headers={"Content-Length": "99"}), id="cut off"),
        pytest.param(Reply(b"no gzip", headers={"Content-Encoding": "gzip"}), id="bad gzip"),
        pytest.param(Reply(hang_up=True), id="hangs up"),
        pytest.param(Reply(ECHO), id="the node echoes it"),
        pytest.param(Reply(ECHO, status=400), id="the node echoes it with a 400"),
        pytest.param(Reply(b'{"id":1,"result":"0x1"}'), id="another chain"),
        pytest.param(Reply(b'{"id":1,"result":"no /v3/%s"}' % KEY.encode()), id="as a result"),
        pytest.param(Reply(b'{"id":"%s","result":1}' % KEY.encode()), id="as an id"),
        pytest.param(Reply(b'{"id":1,"error":{"code":"%s"}}' % KEY.encode()), id="as a code"),
    ],
)
def test_no_bad_answer_shows_the_url(answer: Reply, caplog: pytest.LogCaptureFixture) -> None:
    with scripted_node(lambda _: answer) as node:
        source = source_of(with_key(node.url))
        with pytest.raises(ChainAssetsError) as single:
            source.head()
        with pytest.raises(ChainAssetsError) as streamed:
            list(source.blocks(range(30)))
        assert node.requests
    for caught in (single, streamed):
        assert KEY not in everything_shown(caught.value)
        assert "127.0.0.1#0" in str(caught.value)
    assert "urllib3" in caplog.text
    assert KEY not in caplog.text


@pytest.mark.parametrize("field", ["number", "hash", "parentHash", "timestamp", "blockHash"])
@pytest.mark.parametrize("value", [f"no /v3/{KEY}", f"{'x' * 70} /v3/{KEY}/path"])
def test_no_bad_field_of_a_block_shows_the_url(field: str, value: str) -> None:
    """Not even a part of it that an error, which quotes no more than so much, would end with."""

    def spoilt(request: Any) -> Reply:
        answers = good(request)
        for answer in answers if isinstance(answers, list) else [answers]:
            result = answer["result"]
            for part in result if isinstance(result, list) else [result]:
                if isinstance(part, dict) and field in part:
                    part[field] = value
        return reply(answers)

    with scripted_node(spoilt) as node:
        source = source_of(with_key(node.url), batch_size=1)
        with pytest.raises(MalformedAnswer) as caught:
            list(source.blocks([3]))
    error: BaseException | None = caught.value
    while error is not None:
        assert KEY[:6] not in str(error)
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("port", ["1", "65535"])
def test_an_unreachable_node_does_not_show_the_url(
    port: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ChainAssetsError, match="cannot be reached") as caught:
        source_of(with_key(f"http://127.0.0.1:{port}")).head()
    assert KEY not in everything_shown(caught.value)
    assert KEY not in caplog.text


def test_not_even_richs_traceback_with_local_variables_shows_the_url() -> None:
    with pytest.raises(ChainAssetsError) as caught:
        source_of(with_key("http://127.0.0.1:1")).head()
    error = caught.value
    assert error.__traceback__ is not None
    frames = error.__traceback__.tb_next
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(Traceback.from_exception(type(error), error, frames, show_locals=True))
    shown = console.export_text()
    assert "locals" in shown
    assert KEY not in shown


def test_a_node_that_is_late_does_not_show_the_url(caplog: pytest.LogCaptureFixture) -> None:
    def late(_request: Any) -> Reply | None:
        time.sleep(0.4)
        return None

    with scripted_node(late) as node, pytest.raises(ChainAssetsError, match="in time") as caught:
        source_of(with_key(node.url), timeout_seconds=0.1).head()
    assert KEY not in everything_shown(caught.value)
    assert KEY not in caplog.text


def test_a_name_that_does_not_resolve_does_not_show_the_url() -> None:
    with pytest.raises(ChainAssetsError, match=r"node\.invalid#0") as caught:
        source_of(with_key("http://node.invalid"), attempts=1).head()
    assert KEY not in everything_shown(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        f"ws://127.0.0.1/{KEY}",
        f"{KEY}",
        f"http:///{KEY}",
        f"http://127.0.0.1:{KEY}/",
        f"http://[{KEY}/",
        f"https://user:{KEY}@",
        "",
    ],
)
def test_a_url_that_is_none_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(ConfigError, match="URL number 0") as caught:
        RpcSource(SPEC.chain, SPEC.chain_id, [url])
    texts = [str(caught.value), repr(caught.value.__cause__), repr(caught.value.__context__)]
    assert KEY not in "".join(texts)


def test_no_url_at_all_is_refused() -> None:
    with pytest.raises(ConfigError, match="no RPC URL"):
        RpcSource(SPEC.chain, SPEC.chain_id, [])


def test_a_good_node_does_not_show_the_url_either(caplog: pytest.LogCaptureFixture) -> None:
    with scripted_node() as node:
        source = source_of(with_key(node.url), with_key(node.url))
        (block,) = source.blocks([5])
        assert block.source == "127.0.0.1#0"
        assert "127.0.0.1#1" in repr(source)
        assert KEY not in repr(source) + repr(source._providers) + repr(source._failover)
    assert "POST" in caplog.text
    assert KEY not in caplog.text


def test_a_host_name_that_is_a_key_is_not_a_name() -> None:
    key = "0123456789abcdef0123456789abcdef"
    endpoint = parse_endpoint(f"https://{key}.eth.example.org/", 2, chain="ethereum")
    assert endpoint.name == "***.eth.example.org#2"
    assert key not in endpoint.scrub(f"no project {key}") + repr(endpoint)


def test_a_long_page_is_cut() -> None:
    endpoint = parse_endpoint("https://example.org/", 0, chain="ethereum")
    assert len(endpoint.scrub("<p>\n" * 10_000)) < 250
