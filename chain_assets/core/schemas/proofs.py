"""`block_proofs`: how far each block is proved against its own header."""

from __future__ import annotations

from chain_assets.core.schemas.columns import Column, Table


def _verdict(part: str, doc: str, *sources: str) -> Column:
    return Column(f"{part}_ok", "bool", doc, sources, nullable=True)


_HEADER = ("decoded_blocks.hash",)
_TRANSACTIONS = ("decoded_blocks.transactions_root", "decoded_transactions.hash")
_RECEIPTS = ("decoded_blocks.receipts_root", "decoded_transactions.status", "decoded_logs.data")

BLOCK_PROOFS = Table(
    name="block_proofs",
    layer="decoded",
    grain="block proved, both sides of a fork; NULL in a verdict: not proved, `reason` says why",
    key=("number", "hash"),
    number_column="number",
    columns=(
        Column("number", "quantity", "Block number.", ("block.number",)),
        Column("hash", "hash", "Block hash, as the source said it.", ("block.hash",)),
        Column(
            "level",
            "text",
            "`full`; `partial`: some part is not proved; `failed`: something is wrong.",
        ),
        _verdict("block_hash", "Whether the header hashes to the block hash.", *_HEADER),
        _verdict("transactions_root", "Whether the transactions give their root.", *_TRANSACTIONS),
        _verdict("receipts_root", "Whether receipts and logs give their root.", *_RECEIPTS),
        _verdict(
            "withdrawals_root",
            "Whether the withdrawals give their root; NULL before Shanghai.",
            "decoded_blocks.withdrawals_root",
            "decoded_withdrawals.withdrawal_index",
        ),
        _verdict(
            "logs_bloom",
            "Whether addresses and topics of the logs give the header's filter.",
            "decoded_blocks.logs_bloom",
            "decoded_logs.address",
        ),
        Column(
            "reason",
            "text",
            "What is wrong, or why something is not proved; NULL for `full`.",
            nullable=True,
        ),
        Column("verifier_version", "text", "Version of the verifier."),
        Column(
            "decoder_version", "text", "Version of the decoder and of its ABIs, as in the blocks."
        ),
        Column(
            "raw_sha256",
            "hash",
            "SHA-256 of the blob that was proved.",
            ("raw_blocks.sha256",),
        ),
        Column("verified_at", "timestamp", "When it was verified."),
    ),
)
