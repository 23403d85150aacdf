"""Reference runs of four small models, to verify artifacts against; and the models."""
