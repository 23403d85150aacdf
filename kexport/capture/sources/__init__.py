"""Where models come from: one module for each kind of source, each giving a `kexport.capture.tracing.trace.Source`."""
