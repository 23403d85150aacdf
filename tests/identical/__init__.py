"""Proof that a change of the code leaves every artifact as it was, byte by byte."""
