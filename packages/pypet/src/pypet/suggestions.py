"""Keywords and sections of config files that a misspelled one may have meant.

There are a hundred of them at most, so all are compared; names in a tree, which may be millions,
are the business of :mod:`pypet_trajectory.tree.suggestions`.
"""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a sentence with up to three of the known names like `name`, ``''`` if there are none.

    Examples
    --------
    >>> did_you_mean('ncore', ['ncores', 'port'])
    ' Did you mean `ncores`?'
    """
    import difflib  # here, because most programs never misspell a name

    near = difflib.get_close_matches(name, sorted(known), n=3, cutoff=0.7)
    if not near:
        return ""
    return f" Did you mean {' or '.join(f'`{other}`' for other in near)}?"
