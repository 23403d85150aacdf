"""Derives tolerances and judges arrays: references, noise, random numbers and verdicts. Imports no Keras."""
