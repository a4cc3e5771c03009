"""Block JSON to Arrow in one compiled pass, for JSON of the plain sort that nodes write.

layout.py         which keys there are and how each is read, made from core/schemas
simd.py           vector instructions
scan.py values.py unknown.py rows.py    keys, values, what is left out, objects that end
kernel.py         the pass
work.py arena.py  what it works on
arrow_buffers.py arrow_columns.py       Arrow tables
batches.py        the entry: payloads in, tables out
"""
