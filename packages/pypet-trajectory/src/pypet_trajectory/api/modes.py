"""What the store modes mean for one record: the record there before plus a request, merged.

Back ends that keep whole records (in memory, archive) build on :func:`merged`; back ends that
write items one by one follow the same rules. Invariant: nothing here changes its arguments.
One might expect that storing again with ``STORE_DATA`` brings changed values to the store: it
does not, data that is there stays until it is overwritten explicitly.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from pypet_trajectory.api.records import NodeKind, NodeRecord, WriteRequest
from pypet_trajectory.constants import OVERWRITE_DATA
from pypet_trajectory.exceptions import PypetTypeError, PypetValueError
from pypet_trajectory.logger import module_logger

_logger = module_logger(__name__)

#: Name in ``overwrite=`` that stands for the annotations of a node rather than an item.
ANNOTATIONS = "v_annotations"


def merged(present: NodeRecord | None, request: WriteRequest) -> NodeRecord:
    """What a store holds after `request`, given what it held before.

    * Nothing was there: the new record.
    * A link finds something of its name: that stays.
    * ``OVERWRITE_DATA`` or ``overwrite=True``: new items replace old ones of the same name,
      items known only to the store stay; annotations and class are replaced, and the comment
      unless the new one is empty.
    * Otherwise: items and annotations that are missing are added and nothing else changes; a
      group also takes over a comment or class it does not have yet.

    Raises
    ------
    TypeError
        If a group is to be stored where a leaf is, or the other way round.
    """
    record = request.record
    if present is None:
        return (
            record
            if record.items is not None or record.kind is not NodeKind.LEAF
            else replace(record, items={})
        )
    if record.kind is NodeKind.LINK:
        return present
    if present.kind is not record.kind:
        raise PypetTypeError(
            f"{record.full_name!r} cannot be stored as a {record.kind.value}, because the store "
            f"has a {present.kind.value} of that name. Delete it from the store first."
        )
    overwriting = request.mode == OVERWRITE_DATA or request.overwrite is True
    names = items_to_overwrite(request, present.items or {})
    items = _joined_items(present, record, names, overwriting)
    flags = {
        **record.flags,
        **present.flags,
        **{name: record.flags[name] for name in names if name in record.flags},
    }
    if overwriting:
        return replace(
            record,
            comment=record.comment or present.comment,
            items=items,
            flags=flags,
            range_length=record.range_length or present.range_length,
        )
    annotations = {**record.annotations, **present.annotations}
    if request.overwrite and ANNOTATIONS in request.overwrite:  # type: ignore[operator]
        annotations = dict(record.annotations)
    if record.kind is NodeKind.GROUP:
        return replace(
            present,
            annotations=annotations,
            comment=present.comment or record.comment,
            class_name=present.class_name or record.class_name,
        )
    return replace(
        present,
        annotations=annotations,
        items=items,
        flags=flags,
        range_length=present.range_length or record.range_length,
    )


def items_to_overwrite(request: WriteRequest, present: Collection[str]) -> set[str]:
    """Names of items that `request` replaces although they are there.

    Names in ``overwrite=`` that the request does not bring are reported and ignored.
    """
    items = request.record.items or {}
    if request.mode == OVERWRITE_DATA or request.overwrite is True:
        return {name for name in items if name in present}
    if not request.overwrite:
        return set()
    asked = set(request.overwrite)
    unknown = asked - set(items) - {ANNOTATIONS}
    if unknown:
        _logger.warning(
            "Cannot overwrite %s of %r: the node has no such item.",
            ", ".join(map(repr, sorted(unknown))),
            request.record.full_name,
        )
    return {name for name in asked if name in items and name in present}


def chosen_items(
    available: Iterable[str],
    load_only: Collection[str] | None,
    load_except: Collection[str] | None,
    full_name: str,
) -> list[str]:
    """Which of a leaf's items to read; unknown names are reported and ignored.

    Raises
    ------
    ValueError
        If both restrictions are given.
    """
    if load_only is not None and load_except is not None:
        raise PypetValueError(f"Loading {full_name!r}: give load_only or load_except, not both.")
    names = list(available)
    restriction = load_only if load_only is not None else load_except
    if restriction is None:
        return names
    missing = set(restriction).difference(names)
    if missing:
        _logger.warning(
            "The store has no item %s of %r.", ", ".join(map(repr, sorted(missing))), full_name
        )
    if load_only is not None:
        return [name for name in names if name in load_only]
    return [name for name in names if name not in restriction]


def known_items(full_name: str, names: Collection[str], available: Collection[str]) -> list[str]:
    """Those of `names` that are there; the others are reported and ignored."""
    missing = set(names).difference(available)
    if missing:
        _logger.warning(
            "Cannot delete %s of %r: the store has no such item.",
            ", ".join(map(repr, sorted(missing))),
            full_name,
        )
    return [name for name in names if name in available]


def _joined_items(
    present: NodeRecord, record: NodeRecord, names: set[str], overwriting: bool
) -> Mapping[str, Any] | None:
    if record.kind is not NodeKind.LEAF:
        return None
    old, new = present.items or {}, record.items or {}
    added = {name: value for name, value in new.items() if name not in old}
    if overwriting and names == set(old):
        return dict(new)  # everything is replaced: the new order holds as well
    return {name: new[name] if name in names else value for name, value in old.items()} | added
