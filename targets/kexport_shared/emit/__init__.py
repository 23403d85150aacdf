"""What the emission of every format needs: a table of emitters, a walk over the nodes, names, keys and sizes."""
