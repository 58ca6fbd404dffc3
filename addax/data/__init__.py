"""From what users pass to `fit` to batches."""
