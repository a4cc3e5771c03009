"""Where data lives: raw blobs in an object store, tables in Delta. No Dagster, no Spark."""
