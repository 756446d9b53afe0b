"""Executors for clusters, made so that they suit a numerical experiment.

The engine takes any ``concurrent.futures`` executor; what is here only sets up three that need
some care. Each function makes one, and can be handed to the engine as a factory, so that an
executor that breaks is made anew. Invariant: two runs that look alike are two runs. That is not a
matter of course: Dask by default takes equal calls for one, also if they draw random numbers.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any

from pypet_trajectory.exceptions import MissingPackageError, PypetValueError


class DaskExecutor(Executor):
    """The workers of a Dask cluster as an executor.

    Parameters
    ----------
    client
        A ``distributed.Client``. Workers should have one thread each, since runs of an
        experiment are not made to share a process at the same time.
    owned
        Things to be closed on shutdown, in this order, such as the client itself.
    """

    def __init__(self, client: Any, owned: tuple[Any, ...] = ()) -> None:
        self._client = client
        self._owned = owned
        self._executor: Executor = client.get_executor(pure=False)

    @property
    def _max_workers(self) -> int | None:
        """How many threads the cluster has now; ``None`` before its first worker has come."""
        return sum(self._client.nthreads().values()) or None

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Have a worker call a function."""
        return self._executor.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Give up the executor, and close what belongs to it; may be called twice.

        Parameters
        ----------
        wait
            Whether to wait for what is under way; if not, it is cancelled.
        cancel_futures
            The same as not to wait, for Dask does not tell what is queued from what runs.
        """
        self._executor.shutdown(wait=wait and not cancel_futures)
        owned, self._owned = self._owned, ()
        for each in owned:
            each.close()


def dask_executor(address: str | None = None, workers: int | None = None) -> DaskExecutor:
    """An executor on a Dask cluster.

    Parameters
    ----------
    address
        Where the scheduler is; ``None`` starts a cluster on this machine.
    workers
        Number of processes of a cluster on this machine; ``None``: one for each core.

    Raises
    ------
    MissingPackageError
        If ``distributed`` is not installed.
    PypetValueError
        If both are given.
    """
    distributed = _imported("distributed", "dask")
    if address is not None:
        if workers is not None:
            raise PypetValueError(
                f"The cluster at '{address}' has the workers it has, but workers={workers} was "
                "asked for. Leave one of them out."
            )
        client = distributed.Client(address)
        return DaskExecutor(client, (client,))
    cluster = distributed.LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None
    )
    client = distributed.Client(cluster)
    return DaskExecutor(client, (client, cluster))


def mpi_executor(workers: int | None = None, **options: Any) -> Executor:
    """An executor on the processes of an MPI program.

    Start the script with ``mpiexec -n 16 python -m mpi4py.futures script.py``; without that, MPI
    must be able to start further processes by itself.

    Parameters
    ----------
    workers
        Number of processes; ``None``: as MPI has them.
    options
        Passed on to ``mpi4py.futures.MPIPoolExecutor``.

    Raises
    ------
    MissingPackageError
        If ``mpi4py`` is not installed.
    """
    futures = _imported("mpi4py.futures", "mpi")
    executor: Executor = futures.MPIPoolExecutor(workers, **options)
    return executor


def slurm_executor(
    jobs: int, cores: int = 1, memory: str = "2GB", walltime: str = "01:00:00", **options: Any
) -> DaskExecutor:
    """An executor on jobs of SLURM: each is a worker that does runs until its time is over.

    Parameters
    ----------
    jobs
        How many jobs to submit.
    cores
        Number of worker processes in each.
    memory
        Memory of each job.
    walltime
        Time of each job, as SLURM takes it. Runs that are cut off are done again elsewhere.
    options
        Passed on to ``dask_jobqueue.SLURMCluster``, such as ``queue`` and ``account``.

    Raises
    ------
    MissingPackageError
        If ``dask-jobqueue`` is not installed.
    """
    with _same_signals():
        jobqueue = _imported("dask_jobqueue", "slurm")
    distributed = _imported("distributed", "slurm")
    cluster = jobqueue.SLURMCluster(
        cores=cores, processes=cores, memory=memory, walltime=walltime, **options
    )
    cluster.scale(jobs=jobs)
    client = distributed.Client(cluster)
    return DaskExecutor(client, (client, cluster))


@contextlib.contextmanager
def _same_signals() -> Iterator[None]:
    """Put signal handlers back that are replaced within.

    dask-jobqueue does so on import: Ctrl-C would exit at once, whatever was agreed on.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)


#: What users may name.
EXECUTORS: Mapping[str, Callable[..., Executor]] = {
    "dask": dask_executor,
    "mpi": mpi_executor,
    "slurm": slurm_executor,
}


def executor_factory(name: str, **options: Any) -> Callable[[], Executor]:
    """A function without arguments that makes an executor, as the engine takes it.

    Parameters
    ----------
    name
        A key of :data:`EXECUTORS`.
    options
        Arguments of the function found there.

    Raises
    ------
    PypetValueError
        If there is no executor of this name.
    """
    if name not in EXECUTORS:
        raise PypetValueError(
            f"There is no executor called {name!r}; there are {', '.join(sorted(EXECUTORS))}. Any "
            "executor of your own can be passed as it is."
        )
    return partial(EXECUTORS[name], **options)


def _imported(module: str, extra: str) -> ModuleType:
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingPackageError(
            f"An executor of this kind needs the package '{error.name or module}', which is not "
            f'installed. Run `pip install "pypet-net[{extra}]"`.'
        ) from error
