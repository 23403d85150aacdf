def validate(path): pass
