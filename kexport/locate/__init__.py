"""Finds the first layer of an artifact that diverges, and the smallest part of a model that still does."""
