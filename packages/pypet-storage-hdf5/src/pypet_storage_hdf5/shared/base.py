"""`SharedData`: a handle on one data node in the file, reached through its result.

Invariant: the object holds no data and no open node, only the names of its trajectory, its result
and itself. So it may be pickled, and be used again after the file was closed.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, ClassVar

from pypet_trajectory.constants import ACCESS_DATA
from pypet_trajectory.exceptions import PypetTypeError


class SharedData:
    """Base of all shared data classes.

    Parameters
    ----------
    name : str, optional
        Name of the item; set when the object is put into a result.
    parent : SharedResult, optional
        The result; set likewise.
    trajectory : Trajectory, optional
        The trajectory; set likewise.
    add_to_parent : bool, optional
        Whether to put the object into `parent` at once.
    """

    #: Storage kind of the node, ``None`` if it has to be given.
    FLAG: ClassVar[str | None] = None

    def __init__(
        self,
        name: str | None = None,
        parent: Any = None,
        trajectory: Any = None,
        add_to_parent: bool = False,
    ) -> None:
        #: Name of the item.
        self.name = name
        #: The result that holds it.
        self.parent = parent
        #: The trajectory of the result.
        self.traj = trajectory
        if add_to_parent:
            self.parent[self.name] = self

    def __repr__(self) -> str:
        place = None if self.parent is None else self.parent.v_full_name
        return f"<{type(self).__name__} {self.name!r} of {place!r}>"

    def create_shared_data(self, **kwargs: Any) -> Any:
        """Create the node in the file; a result that is not stored yet is stored first.

        Parameters
        ----------
        obj, data : object, optional
            What the node shall contain at first; the two mean the same.
        flag : str, optional
            Storage kind; by default that of the class.
        trajectory, traj, parent, name : optional
            What is missing in this object so far.
        **kwargs
            What PyTables' function for such nodes takes, for instance ``shape``, ``atom``,
            ``expectedrows``; for tables ``description``, or ``first_row`` as dictionary.

        Raises
        ------
        ValueError
            If the node is there already.
        RuntimeError
            If there is neither data nor a storage kind.
        TypeError
            If trajectory, result or name are unknown.
        """
        kwargs.setdefault("flag", self.FLAG)
        if "obj" not in kwargs and "data" in kwargs:
            kwargs["obj"] = kwargs.pop("data")
        for keyword, attribute in (
            ("trajectory", "traj"),
            ("traj", "traj"),
            ("parent", "parent"),
            ("name", "name"),
        ):
            value = kwargs.pop(keyword, None)
            if value is not None:
                setattr(self, attribute, value)
        self._check()
        if not self.parent.v_stored:
            self.traj.f_store_item(self.parent)
        return self._request("create_shared_data", kwargs=kwargs)

    def get_data_node(self) -> Any:
        """The PyTables node; of use only while the storage is open."""
        if not self._is_open():
            warnings.warn(
                "The storage is closed, so the node you get is closed, too. Open it with a "
                "StorageContextManager first.",
                RuntimeWarning,
                stacklevel=2,
            )
        return self._request("__thenode__")

    # --------------------------------------------------------------- internal

    def _is_open(self) -> bool:
        self._check()
        return bool(self.traj.v_storage_service.is_open)

    def _check(self) -> None:
        if self.traj is None:
            raise PypetTypeError(
                f"{self!r} does not know its trajectory; set its attribute `traj`."
            )
        if self.parent is None:
            raise PypetTypeError(f"{self!r} does not know its result; put it into a SharedResult.")
        if self.name is None:
            raise PypetTypeError(f"{self!r} has no name; put it into its SharedResult.")
        if self.name not in self.parent or self.parent.f_get(self.name) is not self:
            raise PypetTypeError(
                f"{self!r} is not what its result calls {self.name!r}; put it in there."
            )

    def _request(
        self,
        request: str,
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        self._check()
        return self.traj.v_storage_service.store(
            ACCESS_DATA,
            self.parent.v_full_name,
            self.name,
            request,
            args,
            kwargs,
            trajectory_name=self.traj.v_name,
        )

    def _call(self, request: str, *args: Any, **kwargs: Any) -> Any:
        return self._request(request, args, kwargs)

    def _call_open(self, request: str, *args: Any, **kwargs: Any) -> Any:
        self._require_open(request)
        return self._request(request, args, kwargs)

    def _require_open(self, what: str) -> None:
        if not self._is_open():
            raise PypetTypeError(
                f"`{what}` of {self!r} works only while the storage is open; use it within "
                "`with StorageContextManager(traj):`."
            )


def fact(name: str, text: str) -> Any:
    """A property of the node that can be asked for at any time."""
    return property(lambda self: self._request(name), doc=text)


class SharedRows(SharedData):
    """Base of data in rows, with what PyTables' arrays and tables have in common.

    Iteration needs an open storage; iterating over a closed one reads everything first.
    """

    nrows = fact("nrows", "Number of rows.")
    rowsize = fact("rowsize", "Bytes per row.")

    def iterrows(
        self, start: int | None = None, stop: int | None = None, step: int | None = None
    ) -> Any:
        """Iterate over rows; needs an open storage."""
        return self._call_open("iterrows", start=start, stop=stop, step=step)

    def __getitem__(self, key: Any) -> Any:
        return self._call("__getitem__", key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._call("__setitem__", key, value)

    def __len__(self) -> int:
        return int(self.nrows)

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[Any]:
        return iter(self.iterrows() if self._is_open() else self._call("read"))
