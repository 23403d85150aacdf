"""Documents that may come from a stranger: JSON read within limits and held against a published schema."""
