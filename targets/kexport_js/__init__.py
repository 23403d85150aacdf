"""JavaScript engines in Node and in a browser: what the targets that can run there share."""
