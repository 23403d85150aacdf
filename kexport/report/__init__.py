"""A page that people look at: what is known of the artifacts of a folder, in one file that loads nothing."""
