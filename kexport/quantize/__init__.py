"""Decides, once for every format, in which numbers a model is stored and computed."""
