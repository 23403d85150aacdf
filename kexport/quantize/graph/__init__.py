"""Makes the quantized graph: grids of activations and weights are chosen, and put in as quantize and dequantize."""
