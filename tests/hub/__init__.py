"""Backbones of keras-hub at tiny size."""
