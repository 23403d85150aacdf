"""Provides what artifacts are judged on: inputs, the reference outputs, and their files. Imports no framework."""
