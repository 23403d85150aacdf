"""Says what is wrong with calibration data, and what makes int8 hopeless in a model: which layers, and what to do."""
