"""The compiled route: rows whose arguments are all words, checked and written without NumPy.

    registry → tables.py (which keys there are) and layouts.py (where the words of each stand)
    rows → sources.py (addresses) → classify.py (whose key is known)
         → choose.py (which candidate's rules a row follows)
         → text.py (arguments as JSON)  or  gather.py (arguments as columns)

What it leaves, dynamic types and rows that no layout fits, goes through abi/decoding.py. Needs
numba; without it everything takes that way. Both give the same tables.
"""
