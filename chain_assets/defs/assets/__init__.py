"""The assets of a chain: layers.py by block range, reference.py as a whole."""
