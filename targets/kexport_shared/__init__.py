"""What the targets share; none of these packages is a target."""
