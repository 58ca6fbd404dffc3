"""Libraries built on Keras, run on addax."""
