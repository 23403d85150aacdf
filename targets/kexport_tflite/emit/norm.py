"""Normalization: no operator has it, so `kexport.passes` expands every op of this family."""
