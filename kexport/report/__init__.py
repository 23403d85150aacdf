"""Writes the report page: all that is known of a folder's artifacts, in one file that loads nothing."""
