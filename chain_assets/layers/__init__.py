"""What a materialization of a layer does, without Dagster: the assets and the CLI both call this.

    raw.py       source → blobs and raw_blocks
    decoded.py   blobs → decoded tables
    enriched.py  decoded tables and reference rows → enriched tables

Each takes one (chain, block range), reconciles it, and returns a LayerReport.
"""
