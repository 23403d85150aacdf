"""The names that a model file's config may use, as data: anything that is on no list here is refused."""
