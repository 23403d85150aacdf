"""Runs artifacts in their real runtimes, each in a process of its own, and times them."""
