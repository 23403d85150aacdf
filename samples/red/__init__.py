"""A verdict that is red on purpose."""
