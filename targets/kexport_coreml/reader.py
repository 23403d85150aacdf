def read_contract(path): pass
