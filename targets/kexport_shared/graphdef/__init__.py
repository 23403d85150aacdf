"""TensorFlow GraphDef nodes for the ops of the vocabulary: what the targets that write such graphs share."""
