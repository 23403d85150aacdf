"""Every function of keras.ops."""
