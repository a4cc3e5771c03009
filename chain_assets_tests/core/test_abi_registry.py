"""The registry: the standard ABIs, more of them from a folder, and files that cannot be used."""

from __future__ import annotations

import gzip
import json
import pickle
from pathlib import Path

import pytest

from chain_assets.core.abi.registry import (
    STANDARD_ABIS,
    build_registry,
    load_registry,
    standard_registry,
)
from chain_assets.core.abi.signatures import event_from_text, function_from_text
from chain_assets.core.errors import ReferenceFileError
from chain_assets_tests.tools import missing_tool

TRANSFER = bytes.fromhex("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef")


@pytest.mark.parametrize(
    ("count", "source", "indexed"),
    [
        pytest.param(1, "early_tokens", [], id="nothing indexed"),
        pytest.param(2, "early_tokens", ["from"], id="one argument indexed"),
        pytest.param(3, "erc20", ["from", "to"], id="ERC-20"),
        pytest.param(4, "erc721", ["from", "to", "tokenId"], id="ERC-721"),
    ],
)
def test_a_transfer_is_told_by_its_number_of_topics(
    count: int, source: str, indexed: list[str]
) -> None:
    (event,) = standard_registry().events[TRANSFER, count]
    assert event.abi_source == source
    assert [one.name for one in event.indexed] == indexed


# As published: block explorers, the 4byte directory and the projects' own artifacts agree on them.
SELECTORS = {
    "erc20": "a9059cbb 23b872dd 095ea7b3 39509351 a457c2d7 d505accf 8fcbaf0c 40c10f19 79cc6790",
    "erc721": "42842e0e b88d4fde a22cb465",
    "erc1155": "f242432a 2eb2c2d6",
    "erc4626": "6e553f65 94bf804d b460af94 ba087652",
    "weth": "d0e30db0 2e1a7d4d",
    "uniswap_v2": "38ed1739 8803dbee 7ff36ab5 4a25d94a 18cbafe5 fb3bdb41 5c11d795 b6f9de95 791ac947"
    " e8e33700 f305d719 baa2abde 02751cec 2195995c ded9382a af2979eb 5b0d5984 022c0d9f 6a627842"
    " 89afcb44 bc25cf77 fff6cae9 485cc955 c9c65396 f46901ed a2e74af6",
    "uniswap_v3": "414bf389 c04b8d59 db3e2198 f28c0498 ac9650d8 04e45aaf b858183f 5023b4df 09b81346"
    " 5ae401dc 1f0464d1 472b43f3 42712a67 49404b7c 49616997 12210e8a df2ab5bb f3995c67 4659a494"
    " c2e3140a a4a78f0c 88316456 219f5d17 0c49ccbe fc6f7865 7ac2ff7b 13ead562 128acb08 3c8a7d8d"
    " 4f1eb3d8 a34123a7 490e6cbc f637731d 32148f67 8206a4d1 85b66729 a1671295 13af4035 8a7c195f"
    " 3593564c 24856bc3",
    "chainlink_aggregator": "c9807539 b1dc65a4 202ee0ed 6fadcf72",
    "safe": "6a761202 b63e800d 8d80ff0a 468721a7 5229073f 0d582f13 f8dc5dd9 e318b52b 694e80c3"
    " 610b5925 e009cfde e19a9dd9 f08a0323 d4d9bdcd 1688f0b9",
    "permit2": "87517c45 2b67b570 2a2d80d1 36c78516 0d58b1db 30f28b7a edd9444b 137c29fe fe8ec1a7"
    " cc53287f 65d9723c 3ff9dcb1",
    "erc4337_entrypoint": "1fad948c 4b1d7cf5 765e827f dbed18e0 b760faf9 0396cb60 bb9fe6bf c23a5cea"
    " 205c2878 0bd28e3b 9b249f69 850aaf62 ee219423 d6383f94",
    "aave_v3_pool": "617ba037 02c205f0 69328dec a415bcad 573ade81 ee3e210b 2dad97d4 94ba89a2"
    " cd112382 5a3b74b9 00a718a9 ab9c4b5d 42b0b77c 28530a47 e8eda9df 69a933a5 d65dc7a1 9cd19996",
    "seaport": "fb0f3ee1 00000000 b3a34c4c e7acab24 ed98a574 87201b41 a8174404 f2d12b12 fd9f1e10"
    " 88147732 5b34b966 46423aa7 f07ec373 79df72bd f47b7740 06fdde03 a900866b",
}

# Beginnings of topic 0, likewise.
TOPICS = {
    "erc20": "ddf252ad 8c5be1e5",
    "erc721": "17307eab",
    "erc1155": "c3d58168 4a39dc06 6bb7ff70",
    "erc4626": "dcbc1c05 fbde797d",
    "weth": "e1fffcc4 7fcf532c",
    "uniswap_v2": "0d3648bd 4c209b5f dccd412f d78ad95f 1c411e9a",
    "uniswap_v3": "c42079f9 7a53080b 0c396cd9 70935338 bdbdb71d 98636036 783cca1c",
    "chainlink_aggregator": "0559884f 0109fc6f f6a97944 c797025f b04e63db 1591690b",
    "safe": "442e715f 23428b18 141df868 4f51faf6",
    "permit2": "da9fa7c1 c6a377bf 89b1add1 55eb90d8 3704902f",
    "erc4337_entrypoint": "49628fd1 d51a9c61 1c4fada7 f62676f4 bb47ee3e 575ff3ac b7c918e0 fa9b3c14",
    "aave_v3_pool": "2b627736 b3d08482 a534c8db efefaba5 d728da87 f25af37b bfa21aa5 281596e9",
    "seaport": "9d9af8e3 6bacc01d 4b9f2d36 721c2012 f280791e",
}


@pytest.mark.parametrize("source", SELECTORS)
def test_the_standard_functions_have_the_published_selectors(source: str) -> None:
    functions = standard_registry().functions
    for selector in SELECTORS[source].split():
        found = {one.abi_source for one in functions[bytes.fromhex(selector)]}
        assert source in found, selector


@pytest.mark.parametrize("source", TOPICS)
def test_the_standard_events_have_the_published_topics(source: str) -> None:
    found = {
        topic0.hex()[:8]
        for (topic0, _), events in standard_registry().events.items()
        for event in events
        if event.abi_source == source
    }
    assert set(TOPICS[source].split()) <= found


def test_every_standard_abi_is_tested() -> None:
    assert set(SELECTORS) == set(STANDARD_ABIS) - {"early_tokens"}
    assert set(TOPICS) == set(SELECTORS)


def test_standard_events_agree_with_a_published_table_of_topics(real_blocks: Path) -> None:
    table = real_blocks.parent / "abi" / "otterscan_topic0.tsv.gz"
    if not table.is_file():
        missing_tool("the table of topics", f"{table} does not exist")
    with gzip.open(table, "rt") as lines:
        published = dict(line.rstrip("\n").split("\t")[:2] for line in lines)
    agreeing = 0
    for (topic0, _), (event, *_) in standard_registry().events.items():
        signature = published.get(f"0x{topic0.hex()}")
        agreeing += signature is not None
        assert signature in (None, event.signature)
    assert agreeing >= 60


def test_the_first_source_of_a_signature_wins() -> None:
    first = function_from_text("approve(address spender, uint256 value)", abi_source="first")
    second = function_from_text("approve(address to, uint256 id)", abi_source="second")
    assert build_registry([first, second]).functions[first.selector] == (first,)
    assert build_registry([second, first]).functions[first.selector] == (second,)


def test_the_same_number_of_topics_with_other_arguments_indexed_is_another_candidate() -> None:
    one = event_from_text("E(address indexed a, uint256 b)")
    other = event_from_text("E(address a, uint256 indexed b)")
    again = event_from_text("E(address indexed x, uint256 y)")
    registry = build_registry([one, other, again])
    assert registry.events == {(one.topic0, 2): (one, other)}


def test_anonymous_events_have_no_key() -> None:
    assert build_registry([event_from_text("E(uint256 a) anonymous")]).events == {}


def test_a_registry_travels_to_other_processes() -> None:
    registry = standard_registry()
    assert pickle.loads(pickle.dumps(registry)) == registry


def test_the_digest_changes_with_all_that_decides_how_a_row_is_decoded() -> None:
    texts = ["E(address indexed a)", "E(address a)", "E(address indexed b)", "F(address indexed a)"]
    records = [event_from_text(text, abi_source="x") for text in texts]
    records.append(event_from_text(texts[0], abi_source="y"))
    digests = {build_registry([record]).digest for record in records}
    assert len(digests) == len(records)
    assert build_registry(records[:1]).digest in digests
    assert all(len(digest) == 64 for digest in digests)


def test_a_folder_adds_lists_and_artifacts_and_skips_what_is_no_log_or_call(tmp_path: Path) -> None:
    ping = {"type": "function", "name": "ping", "inputs": [], "stateMutability": "view"}
    rest = [{"type": "constructor", "inputs": []}, {"type": "receive"}, {"type": "error"}]
    pong = {"type": "event", "name": "Pong", "inputs": [{"name": "n", "type": "uint256"}]}
    (tmp_path / "list.json").write_text(json.dumps([ping, *rest]))
    (tmp_path / "artifact.json").write_text(json.dumps({"contractName": "X", "abi": [pong]}))
    (tmp_path / "notes.txt").write_text("not an ABI")
    registry = load_registry(tmp_path)
    (function,) = registry.functions[function_from_text("ping()").selector]
    (event,) = registry.events[event_from_text("Pong(uint256)").topic0, 1]
    assert (function.abi_source, event.abi_source) == ("list", "artifact")
    assert registry.functions.keys() > standard_registry().functions.keys()
    assert registry.digest != standard_registry().digest
    assert load_registry(None) == standard_registry()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        pytest.param(b"", "is not JSON", id="empty"),
        pytest.param(b"[{", "is not JSON", id="cut"),
        pytest.param(b"\xff\xfe", "is not JSON", id="no text"),
        pytest.param(b"7", "neither a list", id="a number"),
        pytest.param(b'{"bytecode":"0x"}', "neither a list", id="an object without abi"),
        pytest.param(b'["x"]', "entry 0: it is not an object", id="an entry of text"),
        pytest.param(b'[{"type":"function"}]', "entry 0: it has no name", id="no name"),
        pytest.param(b'[{"type":"thing","name":"t"}]', "its type is 'thing'", id="unknown entry"),
        pytest.param(
            b'[{"type":"receive"},{"type":"event","name":"E","inputs":[{"type":"uint7"}]}]',
            "entry 1 (E): 'uint7' has a size",
            id="unknown type",
        ),
        pytest.param(
            b'[{"type":"event","name":"E","inputs":{}}]', "(E): its inputs", id="inputs of no list"
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_its_fault(
    tmp_path: Path, content: bytes, what: str
) -> None:
    (tmp_path / "broken.json").write_bytes(content)
    with pytest.raises(ReferenceFileError) as caught:
        load_registry(tmp_path)
    assert str(tmp_path / "broken.json") in str(caught.value)
    assert what in str(caught.value)
    assert caught.value.todo


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "dangling.json").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ReferenceFileError, match=r"dangling\.json cannot be read"):
        load_registry(tmp_path)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReferenceFileError, match="missing"):
        load_registry(tmp_path / "missing")
