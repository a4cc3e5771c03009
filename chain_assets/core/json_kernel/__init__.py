"""Block JSON to Arrow in one compiled pass, for JSON of the plain sort that nodes write.

layout.py         which keys there are and how each is read, made from core/schemas
simd.py           vector instructions
scan.py           the text: what may be read, values left out
keys.py unknown.py values.py numbers.py rows.py    keys, values, objects that end
kernel.py         the pass
entry.py          the pass, compiled and kept
work.py tables.py arena.py              what it works on
arrow_buffers.py arrow_columns.py       Arrow tables
batches.py        the entry: payloads in, tables out
"""
