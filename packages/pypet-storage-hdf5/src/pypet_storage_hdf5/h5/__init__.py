"""HDF5 files and the objects in them, as PyTables and HDF5 offer them."""
