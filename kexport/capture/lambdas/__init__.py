"""Python functions that a model file carries as bytecode, read as data: recognized and written out, run by nobody."""
