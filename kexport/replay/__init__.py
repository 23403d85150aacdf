"""Checks that travel: packed into one file, run on another machine over ssh, or in the browser of a phone."""
