"""Models that Keras quantized."""
