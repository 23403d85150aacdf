"""kexport beside other versions of Keras and TensorFlow, each pair in an environment of its own."""
