"""The command line: parses arguments and prints results; the work is done in `kexport.workflows`."""
