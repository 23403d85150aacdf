"""Capture: load a Keras model, trace it once, lower it to a Graph. The only room that imports keras or tensorflow."""
