"""Names of pypet 0.7's module of this name; they are defined in :mod:`pypet_trajectory`."""

from pypet_trajectory.tree.branch_groups import (
    ConfigGroup,
    DerivedParameterGroup,
    ParameterGroup,
    ResultGroup,
)
from pypet_trajectory.tree.groups import NNGroupNode
from pypet_trajectory.tree.index import TreeIndex as NaturalNamingInterface
from pypet_trajectory.tree.kinds import (
    CHECK_REGEXP,
    CONFIG,
    CONFIG_GROUP,
    DERIVED_PARAMETER,
    DERIVED_PARAMETER_GROUP,
    FAST_UPPER_BOUND,
    GROUP,
    LEAF,
    LINK,
    LOAD,
    PARAMETER,
    PARAMETER_GROUP,
    REMOVE,
    RESULT,
    RESULT_GROUP,
    SENSITIVE_TYPES,
    SHORTCUT_SET,
    STORE,
    SUBTREE_MAPPING,
)
from pypet_trajectory.tree.nodes import KnowsTrajectory, NNLeafNode, NNTreeNode
from pypet_trajectory.tree.proxies import NNTreeNodeFunc, NNTreeNodeKids, NNTreeNodeVars

__all__ = [
    "CHECK_REGEXP",
    "CONFIG",
    "CONFIG_GROUP",
    "DERIVED_PARAMETER",
    "DERIVED_PARAMETER_GROUP",
    "FAST_UPPER_BOUND",
    "GROUP",
    "LEAF",
    "LINK",
    "LOAD",
    "PARAMETER",
    "PARAMETER_GROUP",
    "REMOVE",
    "RESULT",
    "RESULT_GROUP",
    "SENSITIVE_TYPES",
    "SHORTCUT_SET",
    "STORE",
    "SUBTREE_MAPPING",
    "ConfigGroup",
    "DerivedParameterGroup",
    "KnowsTrajectory",
    "NNGroupNode",
    "NNLeafNode",
    "NNTreeNode",
    "NNTreeNodeFunc",
    "NNTreeNodeKids",
    "NNTreeNodeVars",
    "NaturalNamingInterface",
    "ParameterGroup",
    "ResultGroup",
]
