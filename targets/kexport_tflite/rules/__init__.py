"""Rewrite rules that bring a graph to what TF Lite has operators for; `legalize.py` says in which order."""
