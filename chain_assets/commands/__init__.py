"""Commands of `chain-assets` that look after a lake: holds, approvals, gaps, upkeep and more.

Each module has one typer app or one command; chain_assets/cli.py puts them together.

    exit code   0 done      1 an error: one line on stderr      2 wrong options
                3 done, but something is left: blocks that are held, ranges that are behind, gaps
"""
