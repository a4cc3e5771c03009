"""The JSON kernel's machine code: which machines run it, that it is kept, what it touches."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm  # type: ignore[import-untyped,unused-ignore]
import numba
import pytest

from chain_assets.core.json_kernel.kernel import read_payloads
from chain_assets_tests.core.json_readers import compact
from chain_assets_tests.core.sample_block import sample_document

_ROOT = Path(__file__).parents[2]
_WARM_UP = """
import sys
from chain_assets.core.json_kernel import entry
from chain_assets.core.block_json import decode_blocks, warm_up
from chain_assets_tests.core.json_readers import differences, devnet_payloads, taken_of
warm_up()
payloads = devnet_payloads(transactions=5, blocks=5)
assert all(taken_of(payloads)) and not differences(payloads)
kernel = entry._kernel_of(entry._fingerprint())
sys.stdout.write(f"loaded {sum(kernel.stats.cache_hits.values())}\\n")
sys.stdout.write("".join(kernel.inspect_asm().values()))
"""


_LITTLE_ROOM = """
import resource
from chain_assets.core.block_json import decode_blocks
from chain_assets.core.json_strict import decode_strict
from chain_assets_tests.core.json_readers import compact, taken_of
from chain_assets_tests.core.sample_block import sample_document
large = sample_document(6)
large["block"]["extraData"] = "0x" + "ab" * (30 << 20)
payloads = [compact(sample_document(5)), compact(large)]
wanted = decode_strict(payloads, chain="test")
with open("/proc/self/statm") as pages:
    mapped = int(pages.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (mapped + (1 << 30), resource.RLIM_INFINITY))
assert taken_of(payloads[:1]) == [True], "no smaller arena"
assert taken_of(payloads) == [False, False]
tables = decode_blocks(payloads, chain="test")
assert tables.blocks.equals(wanted.blocks) and tables.logs.equals(wanted.logs)
assert not tables.refused
"""


def _run(arguments: list[str], *, text: str = "", **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        input=text,
        env={**os.environ, **environment},
        cwd=_ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.skipif(llvm.get_process_triple().split("-")[0] != "x86_64", reason="names an x86")
def test_a_machine_without_avx_512_reads_the_same_and_keeps_what_it_compiled(
    tmp_path: Path,
) -> None:
    first, second = (
        _run(
            ["-c", _WARM_UP],
            NUMBA_CPU_NAME="haswell",
            NUMBA_CPU_FEATURES="",
            NUMBA_CACHE_DIR=str(tmp_path),
        )
        for _ in range(2)
    )
    assert first.startswith("loaded 0\n")
    assert "ymm" in first
    assert "zmm" not in first
    assert second.startswith("loaded 1\n")


def test_arm_machines_have_instructions_for_all_of_it() -> None:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    kernel: Any = read_payloads
    kernel.compile((numba.int64,) * 3)
    (code,) = kernel.inspect_llvm().values()
    code = re.sub(r'target triple = ".*"', 'target triple = "aarch64-unknown-linux-gnu"', code)
    code = re.sub(r'target datalayout = ".*"\n', "", code)
    code = re.sub(r'"(target-cpu|target-features)"="[^"]*"', "", code)
    machine = llvm.Target.from_triple("aarch64-unknown-linux-gnu").create_target_machine(opt=2)
    assembly = machine.emit_assembly(llvm.parse_assembly(code))
    assert re.search(r"\bv\d+\.16b\b", assembly)


def test_no_byte_before_or_behind_a_payload_is_touched() -> None:
    document = sample_document(5)
    whole = compact(document).payload.decode()
    document["block"]["extraData"] = "0x" + "ab" * 3000
    long = compact(document).payload.decode()
    cuts = [text[:end] for text in (whole, long) for end in range(0, len(text), 7)]
    texts = [whole, long, *cuts, *('{"block":{"r":"0x1', '{"block":{"transactions":[{"r":"0x1"')]
    printed = _run(["-m", "chain_assets_tests.core.guarded_text"], text=json.dumps(texts))
    assert printed == f"4 of {2 * len(texts)}\n"


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux how much is mapped")
def test_blocks_are_decoded_where_there_is_no_room_for_an_arena() -> None:
    _run(["-c", _LITTLE_ROOM])
