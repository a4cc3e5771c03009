"""A second, slow route from a block's JSON to the rows of every table: the judge of the kernels.

    JSON of one block  →  json, int(), eth_abi, row by row  →  lists of plain dicts

It shares no code with the package: which JSON field becomes which column is written down here once
more, by hand, so that a mistake in a contract or in a kernel shows as a difference. Only the names
of tables and columns come from the contracts, to see that none is left out.
"""
