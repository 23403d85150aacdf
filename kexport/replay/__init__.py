"""Runs checks elsewhere: packed into one file, on another machine over ssh, or in the browser of a phone."""
