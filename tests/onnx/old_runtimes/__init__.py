"""Artifacts in old releases of ONNX Runtime, each in an environment of its own."""
