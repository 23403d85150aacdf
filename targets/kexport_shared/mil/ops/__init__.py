"""The operations of MIL, by family; each takes its parameters by their published names."""
