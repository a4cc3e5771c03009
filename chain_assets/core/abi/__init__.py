"""Ethereum's contract ABI: which events and calls there are, and what their bytes say.

    ABI JSON or text → types → signatures → registry
    logs, inputs → columns → decoding (fates: which rows are bad, and why) → rendering → tables

Begin at `events.py` and `calls.py`, the two entry points.
"""
