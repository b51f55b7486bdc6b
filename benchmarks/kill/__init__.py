"""``kill -9`` of each process of each stage (``python -m benchmarks.kill``), and of a training."""
