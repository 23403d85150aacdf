"""Rules that bring ops to the forms that GraphDef ops have, one file a family as in `kexport.ops`."""
