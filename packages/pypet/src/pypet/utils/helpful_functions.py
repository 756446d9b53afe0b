"""Names of pypet 0.7's module of this name, from the distributions that define them."""

from pypet.environment.execution.running import result_sort
from pypet.environment.parts.services import is_debug
from pypet_multiproc.progress.report import progressbar
from pypet_net.addresses import convert_ipv6, is_ipv6, port_to_tcp
from pypet_trajectory.files import racedirs
from pypet_trajectory.mappings import flatten_dictionary, nest_dictionary
from pypet_trajectory.runs.table import format_time
from pypet_trajectory.storage.registry import get_matching_kwargs

__all__ = [
    "convert_ipv6",
    "flatten_dictionary",
    "format_time",
    "get_matching_kwargs",
    "is_debug",
    "is_ipv6",
    "nest_dictionary",
    "port_to_tcp",
    "progressbar",
    "racedirs",
    "result_sort",
]
