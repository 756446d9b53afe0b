"""How data of each kind lies in the file: one module per kind."""
