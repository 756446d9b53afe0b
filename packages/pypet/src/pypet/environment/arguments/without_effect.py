"""Arguments that are set and have no effect beside the others.

Pypet 0.7 took them silently: users who asked for a limit of memory together with a pool believed to
have one. They are no errors, because scripts switch between ways to run by one argument, but the
log says so. Nothing is said about settings for several processes while ``multiproc`` is off.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pypet.environment.arguments import EnvironmentArguments

#: Wrap modes with a place where garbage can be collected.
COLLECTING_WRAP_MODES = ("LOCAL", "QUEUE", "PIPE", "NETQUEUE")


def idle_arguments(a: EnvironmentArguments) -> Iterator[str]:
    """What each argument without effect would need, as sentences."""
    if a.git_repository is None:
        for name, is_set in (("git_fail", a.git_fail), ("git_message", a.git_message)):
            if is_set:
                yield f"{name} has no effect without git_repository."
    if a.sumatra_project is None:
        for name, value in (("reason", a.sumatra_reason), ("label", a.sumatra_label)):
            if value:
                yield f"sumatra_{name} has no effect without sumatra_project."
    if a.resume_folder is not None and not a.resumable:
        yield "resume_folder has no effect unless resumable=True."
    if a.multiproc and a.do_single_runs:
        yield from _idle_with_processes(a)


def _idle_with_processes(a: EnvironmentArguments) -> Iterator[str]:
    caps = {"cpu_cap": a.cpu_cap, "memory_cap": a.memory_cap[0], "swap_cap": a.swap_cap}
    if a.use_pool or a.use_scoop or a.executor is not None:
        for name, cap in caps.items():
            if cap < 100:
                yield (
                    f"{name} has no effect: a process is started for each run only if neither "
                    "use_pool, use_scoop nor executor is set."
                )
    if a.gc_interval is not None and a.wrap_mode not in COLLECTING_WRAP_MODES:
        yield (
            f"gc_interval has no effect with wrap_mode={a.wrap_mode!r}, only with "
            f"{', '.join(COLLECTING_WRAP_MODES)}."
        )
    if a.timeout is not None and a.wrap_mode != "NETLOCK" and not a.use_scoop:
        yield (
            f"timeout has no effect with wrap_mode={a.wrap_mode!r}, only with NETLOCK and SCOOP; "
            "run_timeout limits runs in any mode."
        )
