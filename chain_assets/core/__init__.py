"""The kernel: plain Python, NumPy and Arrow. It knows no Dagster, Spark, network or clock."""
