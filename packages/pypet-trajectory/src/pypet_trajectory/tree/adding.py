"""Adding leaves and groups: from whatever an adder was called with to a node in its place.

Every adder goes the same way: see what is to be added, translate and complete its name, check it,
make missing groups, make or take over the node, register it. Checks come before changes; only
the groups on the way stay behind if the constructor of the last node fails.

Two doors lead here. `add` is for users. `add_from_storage` is for storage services, which bring
back what was checked once: names are taken as they are, runs may not be guarded against, and
presets do not apply twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pypet_trajectory.exceptions import (
    InvalidNameError,
    NotInRunError,
    PypetAttributeError,
    PypetTypeError,
    PypetValueError,
)
from pypet_trajectory.logger import logger_of
from pypet_trajectory.naming import names
from pypet_trajectory.naming.wildcards import RUN_WILDCARD
from pypet_trajectory.tree.kinds import (
    BRANCHES,
    ELSEWHERE,
    GROUP_CLASSES,
    RESULTS,
    Branch,
    branch_of,
)
from pypet_trajectory.tree.nodes import NNTreeNode, mark_explored, rename

if TYPE_CHECKING:
    from pypet_trajectory.tree.groups import NNGroupNode
    from pypet_trajectory.tree.index import TreeIndex

#: Group below a branch that keeps one group per run.
RUNS_GROUP = "runs"


class NewNode(NamedTuple):
    """What an adder was asked to add."""

    #: Name as given, not translated.
    name: str
    #: The node itself if it exists already.
    instance: NNTreeNode | None
    #: Class to construct; None: the standard one of the place.
    cls: type | None
    #: Arguments for the constructor, without the name.
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def read_arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> NewNode:
    """Make out instance, class and name among the arguments of an adder.

    Raises
    ------
    PypetValueError
        If there is no name, or an instance comes with further arguments.
    """
    if args and isinstance(args[0], NNTreeNode):
        node = args[0]
        if len(args) > 1 or kwargs:
            raise PypetValueError(
                f"`{node.v_full_name}` is already constructed: it is added without further "
                "arguments, but some were given. Change it before or after adding."
            )
        return NewNode(node.v_full_name, node, None, (), {})
    cls: type | None = None
    if args and isinstance(args[0], type):
        cls, args = args[0], args[1:]
    if args and isinstance(args[0], str):
        return NewNode(args[0], None, cls, args[1:], kwargs)
    for keyword in ("name", "full_name"):
        if isinstance(kwargs.get(keyword), str):
            kwargs = dict(kwargs)
            return NewNode(kwargs.pop(keyword), None, cls, args, kwargs)
    raise PypetValueError(
        "What is added needs a name: pass a string as first argument (after the class, if there "
        f"is one) or as keyword `name`. Given were {args!r} and keywords {sorted(kwargs)}."
    )


# -------------------------------------------------------------------------------- two doors


def add(
    group: NNGroupNode,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    *,
    leaf: bool,
    branch: Branch | None = None,
) -> Any:
    """Add a leaf or a group below `group` and return it.

    Parameters
    ----------
    group
        Where to add.
    args, kwargs
        What a user passed to the adder.
    leaf
        Whether a leaf is added rather than a group.
    branch
        The branch an adder belongs to, with its prefixes; None: take the name as it is.

    Raises
    ------
    PypetValueError
        If the name is not admissible or missing.
    PypetAttributeError
        If something of that name exists, or the path leads through a leaf or a link.
    PypetTypeError
        If node and place do not fit, or a run adds parameters or configuration.
    """
    index = group.v_index
    new = read_arguments(args, kwargs)
    root = index.root
    path = [
        names.translate(part, root.v_runs.wildcards, root.v_runs.idx)
        for part in new.name.split(".")
    ]
    first = path[0]
    if branch is not None:
        path = _complete(group, branch, path, root, leaf)
    names.check(path, group.v_full_name, index.members, first=first, stacklevel=3)
    place = branch_of(group.v_branch or path[0])
    if root.v_runs.inside and not (place.open_to_runs and (branch or ELSEWHERE).open_to_runs):
        raise NotInRunError(
            f"`{_join(group, path)}` cannot be added during a single run: runs read parameters "
            "and configuration, and add derived parameters and results."
        )
    if new.instance is not None:
        _check_instance(index, new.instance, place, _join(group, path), leaf)
    parent = make_groups(group, path[:-1], place)
    name = path[-1]
    if name in parent.v_children:
        return _existing(parent, name, root)
    full_name = _join(parent, path[-1:])
    if leaf and full_name in BRANCHES:
        raise InvalidNameError(
            f"`{new.name}` stands for `{full_name}`, the group of everything of this kind: no "
            "leaf can take its place. Choose another name."
        )
    node = new.instance
    if node is None:
        cls = new.cls or _standard_class(index, branch or place, leaf)
        node = construct(cls, full_name, root, new.args, new.kwargs)
        _check_kind(node, full_name, leaf)
        return _register(index, parent, node, place, presets=True)
    old_name = node.v_full_name
    rename(node, full_name)
    try:
        return _register(index, parent, node, place, presets=True)
    except BaseException:
        rename(node, old_name)
        raise


def add_from_storage(
    group: NNGroupNode, args: tuple[Any, ...], kwargs: dict[str, Any], *, leaf: bool
) -> Any:
    """Add what a storage service read: no translation, no prefixes, no checks of the name.

    Raises
    ------
    PypetAttributeError
        If something of that name exists, or the path leads through a leaf or a link.
    """
    index = group.v_index
    new = read_arguments(args, kwargs)
    path = new.name.split(".")
    place = branch_of(group.v_branch or path[0])
    parent = make_groups(group, path[:-1], place)
    node = new.instance
    if node is None:
        return insert(parent, path[-1], new.cls, new.args, new.kwargs, leaf=leaf)
    full_name = _join(parent, path[-1:])
    if path[-1] in parent.v_children:
        raise _occupied(parent, path[-1])
    rename(node, full_name)
    _check_kind(node, full_name, leaf)
    return _register(index, parent, node, place, presets=False)


def insert(
    parent: NNGroupNode,
    name: str,
    cls: type | None,
    args: tuple[Any, ...] = (),
    kwargs: dict[str, Any] | None = None,
    *,
    leaf: bool,
) -> Any:
    """Make a node of class `cls` and hang it directly below `parent`, as `name` says.

    This is all that loading does a million times; the name is not looked at but for being free.

    Raises
    ------
    PypetAttributeError
        If something of that name exists.
    PypetTypeError
        If `cls` is no class of leaves, or none of groups, as `leaf` demands.
    """
    if name in parent.v_children:
        raise _occupied(parent, name)
    index = parent.v_index
    place = branch_of(parent.v_branch or name)
    full_name = f"{parent.v_full_name}.{name}" if parent.v_full_name else name
    root = index.root
    cls = cls or _standard_class(index, place, leaf)
    node = construct(cls, full_name, root, args, kwargs or {})
    _check_kind(node, full_name, leaf)
    return _register(index, parent, node, place, presets=False)


# --------------------------------------------------------------------------------- name


def _complete(
    group: NNGroupNode, branch: Branch, path: list[str], root: Any, leaf: bool
) -> list[str]:
    """Put the name of the branch, and that of the run, in front where they belong."""
    explicit = group.v_is_root and path[0] == branch.name
    if (
        branch.sorted_by_run
        and root.v_runs.inside
        and root.v_index.settings.auto_run_prepend
        and not explicit
    ):
        path = _below_run(group, path, root, leaf)
    if group.v_is_root and not explicit:
        return [branch.name, *path]
    return path


def _below_run(group: NNGroupNode, path: list[str], root: Any, leaf: bool) -> list[str]:
    dummy = root.v_runs.wildcards.translate(RUN_WILDCARD, -1)
    if any(part == dummy or root.v_runs.names.contains(part) for part in path):
        return path
    run = root.v_runs.wildcards.translate(RUN_WILDCARD, root.v_runs.idx)
    if group.v_depth == 1 and not leaf and path == [RUNS_GROUP]:
        return path  # the group of all runs itself
    if group.v_depth < 2:
        return [RUNS_GROUP, run, *path]
    if group.v_depth == 2 and group.v_name == RUNS_GROUP:
        return [run, *path]
    return path


def _join(group: NNGroupNode, path: list[str]) -> str:
    name = path[0] if len(path) == 1 else ".".join(path)
    return f"{group.v_full_name}.{name}" if group.v_full_name else name


# --------------------------------------------------------------------------------- place


def make_groups(group: NNGroupNode, path: list[str], place: Branch) -> NNGroupNode:
    """Return the group at the end of `path`, making the groups that are missing.

    Raises
    ------
    PypetAttributeError
        If a leaf or a link is in the way. Nothing was made in this case.
    """
    for depth, name in enumerate(path):
        child = group.v_children.get(name)
        if child is None:
            cls = GROUP_CLASSES[place.name]
            for missing in path[depth:]:
                root = group.v_index.root
                node = construct(cls, _join(group, [missing]), root, (), {})
                group = _register(group.v_index, group, node, place, presets=False)
            return group
        if name in group.v_children.links:
            raise _behind_link(group, name)
        if child.v_is_leaf:
            raise PypetAttributeError(
                f"Nothing can be added below `{child.v_full_name}`: it is a leaf "
                f"({type(child).__name__}), and only groups have children. Choose another name."
            )
        group = child  # type: ignore[assignment]
    return group


def make_branch(root: NNGroupNode, name: str) -> bool:
    """Make one of the four groups below the root; whether that was possible.

    A single run cannot make the groups of parameters and configuration.
    """
    branch = BRANCHES[name]
    if root.v_index.root.v_runs.inside and not branch.open_to_runs:
        return False
    make_groups(root, [name], branch)
    return True


def _existing(parent: NNGroupNode, name: str, root: Any) -> NNTreeNode:
    """What to do if the end of a path exists: return it, or raise."""
    if name in parent.v_children.links:
        raise _behind_link(parent, name)
    if not root.v_index.settings.no_clobber:
        raise _occupied(parent, name)
    node = parent.v_children[name]
    logger_of(root).warning(
        "`%s` exists already: the existing node is used and the new arguments are ignored, "
        "because `v_no_clobber` is set.",
        node.v_full_name,
    )
    return node


def _occupied(parent: NNGroupNode, name: str) -> PypetAttributeError:
    return PypetAttributeError(
        f"`{_join(parent, [name])}` cannot be added: there already is a "
        f"{type(parent.v_children[name]).__name__} of this name. Remove it first, choose another "
        "name, or set `v_no_clobber` to get the existing node."
    )


def _behind_link(group: NNGroupNode, name: str) -> PypetAttributeError:
    return PypetAttributeError(
        f"Nothing can be added at or below `{_join(group, [name])}` by its name: it is a link "
        f"to `{group.v_children.links[name].v_full_name}`. Add to that node itself, or remove "
        "the link."
    )


# ---------------------------------------------------------------------------------- node


def construct(
    cls: type, full_name: str, root: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> NNTreeNode:
    """Make a node; classes that know the trajectory get it as second argument."""
    if getattr(cls, "KNOWS_TRAJECTORY", False):
        return cls(full_name, root, *args, **kwargs)  # type: ignore[no-any-return]
    return cls(full_name, *args, **kwargs)  # type: ignore[no-any-return]


def _standard_class(index: TreeIndex, branch: Branch, leaf: bool) -> type:
    if leaf:
        return getattr(index.settings, branch.standard_leaf)  # type: ignore[no-any-return]
    return GROUP_CLASSES[branch.name]


def _check_kind(node: Any, full_name: str, leaf: bool) -> None:
    if not isinstance(node, NNTreeNode) or node.v_is_leaf != leaf:
        wanted = "leaf (a parameter or a result)" if leaf else "group"
        raise PypetTypeError(
            f"`{full_name}` was to become a {wanted}, but {type(node).__name__} is none. Use the "
            f"adder for {'groups' if leaf else 'leaves'}, or another class."
        )


def _check_instance(
    index: TreeIndex, node: NNTreeNode, place: Branch, full_name: str, leaf: bool
) -> None:
    """Refuse nodes that belong elsewhere."""
    _check_kind(node, full_name, leaf)
    if index.holds(node) and node.v_full_name != full_name:
        raise PypetAttributeError(
            f"`{node.v_full_name}` is in the tree already and cannot hang at `{full_name}` as "
            "well. Remove it first, or add a link to it."
        )
    if leaf:
        return
    root = node.v_root  # type: ignore[attr-defined]
    if root is not None and root is not index.root and root.v_index.holds(node):
        raise PypetTypeError(
            f"Group `{node.v_full_name}` belongs to trajectory `{root.v_name}` and cannot be "
            f"added as `{full_name}` here. Remove it there first, or make a new group."
        )
    if type(node) in GROUP_CLASSES.values() and type(node) is not GROUP_CLASSES[place.name]:
        where = f"`{place.name}`" if place.name else "the four branches"
        raise PypetTypeError(
            f"A {type(node).__name__} cannot be added as `{full_name}`: groups "
            f"{'below' if place.name else 'outside of'} {where} are of class "
            f"{GROUP_CLASSES[place.name].__name__}, or of a class of your own."
        )


def _register(
    index: TreeIndex, parent: NNGroupNode, node: NNTreeNode, place: Branch, *, presets: bool
) -> Any:
    if node.v_is_leaf:
        root = index.root
        if presets and place is not RESULTS and node.v_full_name in index.presets:
            args, kwargs = index.presets.pop(node.v_full_name)
            node.f_set(*args, **kwargs)  # type: ignore[attr-defined]
        if node.v_full_name in root.v_exploration.parameters and node.v_is_parameter:  # type: ignore[attr-defined]
            mark_explored(node)
            root.v_exploration.parameters[node.v_full_name] = node
    index.add(parent, node)
    return node
