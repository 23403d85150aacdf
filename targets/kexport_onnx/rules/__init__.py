"""Rules that bring ops to the forms that ONNX has, one file for each family of ops."""
