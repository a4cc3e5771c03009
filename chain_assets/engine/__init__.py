"""Who runs the tasks: Spark's executors, or this process. The task functions are the same."""
