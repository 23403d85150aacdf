"""What the values of a graph were on data: gathered in an engine, kept in a file, turned into ranges by rules."""
