"""Reads Python functions that a model file carries as bytecode: they are data, decompiled and never run."""
