"""Reads the data that ranges are observed on, batch by batch, from files, folders of images and Python objects."""
