"""The group classes of the four branches: each adds the adders of its own family.

A group knows no other family: ``traj.parameters.f_add_result`` does not exist. The trajectory has
the adders of all four, and counts as an instance of each; hence these do not say whose they are.
"""

from __future__ import annotations

from typing import Any

from pypet_trajectory.slots import VirtualBase
from pypet_trajectory.tree import adding
from pypet_trajectory.tree.groups import NNGroupNode
from pypet_trajectory.tree.kinds import (
    CONFIGURATION,
    DERIVED_PARAMETERS,
    PARAMETERS,
    RESULTS,
    group_class,
)


@group_class(PARAMETERS)
class ParameterGroup(NNGroupNode, metaclass=VirtualBase):
    """A group of parameters."""

    __slots__ = ()

    def f_add_parameter(self: Any, *args: Any, **kwargs: Any) -> Any:
        """Add a parameter and return it.

        Takes a name, a value and a comment; or a class first; or a finished parameter. Called
        on the trajectory, ``parameters.`` is put in front of the name.

        Raises
        ------
        PypetValueError
            If the name is not admissible or missing.
        PypetAttributeError
            If something of that name exists, or the path leads through a leaf or a link.
        PypetTypeError
            If the value is not supported, or during a single run.
        """
        return adding.add(self, args, kwargs, leaf=True, branch=PARAMETERS)

    def f_apar(self: Any, *args: Any, **kwargs: Any) -> Any:
        """Short for `f_add_parameter`."""
        return self.f_add_parameter(*args, **kwargs)

    def f_add_parameter_group(self: Any, *args: Any, **kwargs: Any) -> Any:
        """Add a group of parameters and return it.

        Takes a name and a comment; or a class first; or a finished group. Called on the
        trajectory, ``parameters.`` is put in front of the name. Raises like `f_add_parameter`.
        """
        return adding.add(self, args, kwargs, leaf=False, branch=PARAMETERS)


@group_class(CONFIGURATION)
class ConfigGroup(NNGroupNode, metaclass=VirtualBase):
    """A group of configuration: how the experiment is run, as opposed to what is explored."""

    __slots__ = ()

    def f_add_config(self: Any, *args: Any, **kwargs: Any) -> Any:
        """Add a parameter to the configuration and return it.

        Takes a name, a value and a comment; or a class first; or a finished parameter. Called
        on the trajectory, ``config.`` is put in front of the name.

        Raises
        ------
        PypetValueError
            If the name is not admissible or missing.
        PypetAttributeError
            If something of that name exists, or the path leads through a leaf or a link.
        PypetTypeError
            If the value is not supported, or during a single run.
        """
        return adding.add(self, args, kwargs, leaf=True, branch=CONFIGURATION)

    def f_aconf(self: Any, *args: Any, **kwargs: Any) -> Any:
        """Short for `f_add_config`."""
        return self.f_add_config(*args, **kwargs)

    def f_add_config_group(self: Any, *args: Any, **kwargs: Any) -> Any:
        """Add a group of configuration and return it.

        Takes a name and a comment; or a class first; or a finished group. Called on the
        trajectory, ``config.`` is put in front of the name. Raises like `f_add_config`.
        """
        return adding.add(self, args, kwargs, leaf=False, branch=CONFIGURATION)


@group_class(DERIVED_PARAMETERS)
class DerivedParameterGroup(NNGroupNode, metaclass=VirtualBase):
    """A group of derived parameters: what is computed from parameters before the simulation."""

    __slots__ = ()

    def f_add_derived_parameter(self: Any, *args: Any, **kwargs: Any) -> Any:
        """Add a derived parameter and return it.

        Takes a name, a value and a comment; or a class first; or a finished parameter. Called
        on the trajectory, ``derived_parameters.`` is put in front of the name; during a single
        run ``runs.<run name>.`` follows unless the name contains a run already.

        Raises
        ------
        PypetValueError
            If the name is not admissible or missing.
        PypetAttributeError
            If something of that name exists, or the path leads through a leaf or a link.
        PypetTypeError
            If the value is not supported.
        """
        return adding.add(self, args, kwargs, leaf=True, branch=DERIVED_PARAMETERS)

    def f_adpar(self: Any, *args: Any, **kwargs: Any) -> Any:
        """Short for `f_add_derived_parameter`."""
        return self.f_add_derived_parameter(*args, **kwargs)

    def f_add_derived_parameter_group(self: Any, *args: Any, **kwargs: Any) -> Any:
        """Add a group of derived parameters and return it.

        Takes a name and a comment; or a class first; or a finished group. Names are completed
        and errors raised as by `f_add_derived_parameter`.
        """
        return adding.add(self, args, kwargs, leaf=False, branch=DERIVED_PARAMETERS)


@group_class(RESULTS)
class ResultGroup(NNGroupNode, metaclass=VirtualBase):
    """A group of results."""

    __slots__ = ()

    def f_add_result(self: Any, *args: Any, **kwargs: Any) -> Any:
        """Add a result and return it.

        Takes a name and any data; or a class first; or a finished result. Called on the
        trajectory, ``results.`` is put in front of the name; during a single run
        ``runs.<run name>.`` follows unless the name contains a run already.

        Raises
        ------
        PypetValueError
            If the name is not admissible or missing.
        PypetAttributeError
            If something of that name exists, or the path leads through a leaf or a link.
        PypetTypeError
            If data is not supported.
        """
        return adding.add(self, args, kwargs, leaf=True, branch=RESULTS)

    def f_ares(self: Any, *args: Any, **kwargs: Any) -> Any:
        """Short for `f_add_result`."""
        return self.f_add_result(*args, **kwargs)

    def f_add_result_group(self: Any, *args: Any, **kwargs: Any) -> Any:
        """Add a group of results and return it.

        Takes a name and a comment; or a class first; or a finished group. Names are completed
        and errors raised as by `f_add_result`.
        """
        return adding.add(self, args, kwargs, leaf=False, branch=RESULTS)
