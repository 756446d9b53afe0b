"""Ways to run: one module each, all behind :class:`~pypet_multiproc.backends.base.Backend`."""
