"""Free notes on every node: any value under any name, without type checks.

A node without notes carries no `Annotations` object; one comes into being when it is asked for.
Unlike the items of a result, several annotations come back as a tuple, and nothing is locked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pypet_trajectory.exceptions import PypetAttributeError, PypetValueError
from pypet_trajectory.logger import HasLogger
from pypet_trajectory.slots import HasSlots

#: Names of annotations in error messages.
MAX_NAMES_SHOWN: Final = 8


class Annotations(HasSlots):
    """A container of notes with attribute and item access.

    Examples
    --------
    >>> notes = Annotations()
    >>> notes.author = 'Grace'
    >>> notes.f_set('first', checked=True)
    >>> notes['checked'], notes[0]
    (True, 'first')
    >>> str(notes)
    'annotation=first; author=Grace; checked=True'
    """

    __slots__ = ("_notes",)

    _notes: dict[str, Any]

    @property
    def _dict(self) -> dict[str, Any]:
        """The live dictionary."""
        try:
            return object.__getattribute__(self, "_notes")  # type: ignore[no-any-return]
        except AttributeError:
            notes: dict[str, Any] = {}
            object.__setattr__(self, "_notes", notes)
            return notes

    @staticmethod
    def _translate_key(key: str | int) -> str:
        """Names of positional annotations: ``annotation``, ``annotation_1``, ..."""
        if isinstance(key, str):
            return key
        return "annotation" if key == 0 else f"annotation_{key}"

    def f_set(self, *args: Any, **kwargs: Any) -> None:
        """Set annotations, overwriting those of the same name.

        Positional values are named ``annotation``, ``annotation_1``, ``annotation_2`` ...
        """
        for position, value in enumerate(args):
            self._dict[self._translate_key(position)] = value
        self._dict.update(kwargs)

    def f_set_single(self, name: str | int, data: Any) -> None:
        """Set one annotation."""
        self._dict[self._translate_key(name)] = data

    def f_get(self, *args: str | int) -> Any:
        """Return one annotation, or several as a tuple.

        Without arguments the only annotation is returned.

        Raises
        ------
        AttributeError
            If an annotation does not exist, or there is none at all.
        ValueError
            If no name is given and there are several annotations.
        """
        notes = self._dict
        if not args:
            if not notes:
                raise PypetAttributeError("There are no annotations here: f_get() has no answer.")
            if len(notes) > 1:
                raise PypetValueError(
                    f"There are {len(notes)} annotations here ({self._names_text()}): pass f_get "
                    "the names of those you want."
                )
            return next(iter(notes.values()))
        values = tuple(self._get_single(key) for key in args)
        return values if len(values) > 1 else values[0]

    def _get_single(self, key: str | int) -> Any:
        name = self._translate_key(key)
        try:
            return self._dict[name]
        except KeyError:
            raise PypetAttributeError(
                f"There is no annotation `{name}` here; existing annotations: "
                f"{self._names_text() or 'none'}."
            ) from None

    def _names_text(self) -> str:
        """The first names, for error messages."""
        names = sorted(self._dict)
        more = ", ..." if len(names) > MAX_NAMES_SHOWN else ""
        return f"{', '.join(names[:MAX_NAMES_SHOWN])}{more}"

    def f_remove(self, key: str | int) -> None:
        """Remove one annotation.

        Raises
        ------
        AttributeError
            If it does not exist.
        """
        self._get_single(key)
        del self._dict[self._translate_key(key)]

    def f_to_dict(self, copy: bool = True) -> dict[str, Any]:
        """Return all annotations: a shallow copy, or the live dictionary if not `copy`."""
        return dict(self._dict) if copy else self._dict

    def f_is_empty(self) -> bool:
        """Whether there is no annotation."""
        return not self._dict

    def f_empty(self) -> None:
        """Remove all annotations."""
        object.__setattr__(self, "_notes", {})

    def f_ann_to_str(self) -> str:
        """Return all annotations as ``name=value`` pairs, sorted by name."""
        return "; ".join(f"{name}={self._dict[name]}" for name in sorted(self._dict))

    def __str__(self) -> str:
        return self.f_ann_to_str()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.f_ann_to_str()}>"

    def __iter__(self) -> Iterator[str]:
        return iter(self._dict)

    def __contains__(self, name: object) -> bool:
        return name in self._dict

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._dict]

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._dict)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what copy and pickle look for is never a note
            raise PypetAttributeError(f"Annotations have no attribute `{name}`.")
        return self._get_single(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            object.__setattr__(self, name, value)
        else:
            self._dict[name] = value

    def __delattr__(self, name: str) -> None:
        self.f_remove(name)

    def __getitem__(self, key: str | int) -> Any:
        return self._get_single(key)

    def __setitem__(self, key: str | int, value: Any) -> None:
        self._dict[self._translate_key(key)] = value

    def __delitem__(self, key: str | int) -> None:
        self.f_remove(key)


def has_annotations(node: object) -> bool:
    """Whether there is a note on a node, answered without creating a container."""
    try:
        return not object.__getattribute__(node, "_own_annotations").f_is_empty()
    except AttributeError:
        return False


class WithAnnotations(HasLogger):
    """Base of everything that can carry annotations."""

    __slots__ = ("_own_annotations",)

    _own_annotations: Annotations

    @property
    def v_annotations(self) -> Annotations:
        """The notes on this node."""
        try:
            return object.__getattribute__(self, "_own_annotations")  # type: ignore[no-any-return]
        except AttributeError:
            annotations = Annotations()
            object.__setattr__(self, "_own_annotations", annotations)
            return annotations

    @property
    def _annotations(self) -> Annotations:
        return self.v_annotations

    @_annotations.setter
    def _annotations(self, annotations: Annotations) -> None:
        object.__setattr__(self, "_own_annotations", annotations)

    def f_set_annotations(self, *args: Any, **kwargs: Any) -> None:
        """Set annotations, see `Annotations.f_set`."""
        self.v_annotations.f_set(*args, **kwargs)

    def f_get_annotations(self, *args: str | int) -> Any:
        """Get annotations, see `Annotations.f_get`."""
        return self.v_annotations.f_get(*args)

    def f_ann_to_str(self) -> str:
        """Return all annotations as text, empty if there are none."""
        return self.v_annotations.f_ann_to_str() if has_annotations(self) else ""
