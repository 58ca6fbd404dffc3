"""addax beside Keras on every backend, hand-written JAX and hand-written PyTorch: `make bench`."""
