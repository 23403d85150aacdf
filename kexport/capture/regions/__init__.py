"""Lowers TensorFlow ops that hold functions, such as If and While, and the stand-ins of loops."""
