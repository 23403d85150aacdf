"""Rules that bring ops to the forms that TensorFlow.js has, one file for each family of ops."""
