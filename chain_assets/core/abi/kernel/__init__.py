"""The compiled route: rows checked, copied and written by numba, without an object for any row.

    registry → tables.py (which keys there are), layouts.py and programs.py (what to check)
    rows → sources.py (addresses) → classify.py (whose key is known), kept together by batch.py
         → flat candidates, whose arguments are all words:
             choose.py (which one a row follows) → text.py (JSON, digits.py) → assemble.py
             gather.py (the same, and the arguments as columns, copies.py)
         → candidates of any type: walk.py (checks, counts)
             → dynamic.py (columns), or phrases.py and tree_text.py (JSON)

What it leaves, rows that it takes for bad, goes through abi/decoding.py, which knows all reasons.
Needs numba; without it everything takes that way. Both give the same tables.
"""
