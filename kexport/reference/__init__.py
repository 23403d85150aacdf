"""Runs a Keras model on a chosen backend and device and records what it answers. Loads one framework at most."""
