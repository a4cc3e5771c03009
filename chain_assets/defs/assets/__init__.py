"""The assets of a chain: layers.py by block range, reference.py as a whole.

layer.py says what the layers are, layer_run.py shows what a run did to them.
"""
