"""Runs a Keras model on a chosen backend and device and records its outputs. Loads at most one framework."""
