"""Runs a model once on symbolic tensors and keeps which layer or call made each TensorFlow op."""
