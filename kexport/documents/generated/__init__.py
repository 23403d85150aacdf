"""The validators that `python -m tests.documents` makes of the schemas. They need Python alone, as boards have it."""
