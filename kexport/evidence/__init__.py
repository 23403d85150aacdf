"""What artifacts are judged on: inputs, the reference that answers them, and their files. Imports no framework."""
