"""Judges artifacts: derived tolerances, real runtimes in processes of their own, verdicts. Knows no Keras."""
