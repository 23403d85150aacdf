"""What the config of a model file may name, as data: everything that is on no list here is refused."""
