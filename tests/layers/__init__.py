"""Every layer of Keras with every option, on every target."""
