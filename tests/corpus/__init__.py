"""Files of strangers: every model below a folder, exported to every target in a process of its own, and counted."""
