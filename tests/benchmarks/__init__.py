"""Benchmarks: kexport beside its peers, each in a process of its own. Nothing here is a test that can fail by noise."""
