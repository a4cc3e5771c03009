"""Blocks from real nodes, over JSON-RPC.

source.py        RpcSource: cuts what is asked into chunks, streams them in order
  prefetch.py    fetches chunks ahead on threads, within a bounded window
  failover.py    tries one provider after the other, with backoff; bounded
    concurrency.py   how many requests at once, how many calls in one batch: both adapt
    provider.py  one provider: blocks with their receipts, checked to be of each other
      wire.py    one JSON-RPC exchange
        verdicts.py  which error each kind of bad answer is
        refusals.py  the errors that this package reacts to
        endpoint.py  the URL, which no error, log or repr ever shows
"""

from chain_assets.sources.rpc.source import RpcSource

__all__ = ["RpcSource"]
