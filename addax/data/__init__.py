"""Conversion of the data that users pass to `fit` into batches."""
