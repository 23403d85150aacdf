"""Finds which layers to leave with more bits, so that a quantized model keeps to a budget of loss and size."""
