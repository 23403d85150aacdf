"""Rules that bring ops to forms that Core ML has, one file for each family."""
