"""Rules that bring ops to the forms that TensorFlow has, one file for each family of ops."""
