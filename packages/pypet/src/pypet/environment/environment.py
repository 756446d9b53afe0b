"""`Environment`: the place where trajectory, runs, storage, logging and records meet.

Reading this module from top to bottom is reading what happens, in order. Each step is a module
beside it; nothing here knows how a step is done. Until all arguments have been checked nothing
outside of memory changes, and while runs are computed everything that is known about them is
on its way to the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from pypet.environment.arguments import EnvironmentArguments
from pypet.environment.arguments.kinds import COUNT, PATH, TEXT
from pypet.environment.arguments.table import DEFAULT_SERVICE
from pypet.environment.execution.experiment import ExperimentRunner
from pypet.environment.parts import config_entries, engines, provenance, services
from pypet.environment.parts.config_files import parse_config
from pypet.environment.parts.identity import Identity, moment_for
from pypet.environment.parts.keywords import distribute
from pypet.environment.parts.plans import plan_from_pipeline
from pypet.environment.parts.trajectories import trajectory_for
from pypet_multiproc.logs.configurations import simple_logging_config
from pypet_multiproc.logs.manager import LoggingManager
from pypet_trajectory.api.records import RunFailure
from pypet_trajectory.decorators import prefix_naming
from pypet_trajectory.deprecation import kwargs_api_change
from pypet_trajectory.logger import HasLogger

if TYPE_CHECKING:
    from pypet_trajectory.trajectory import Trajectory


@prefix_naming
class Environment(HasLogger):
    """Sets up a trajectory, executes a function at each of its points and keeps the results.

    All arguments have defaults, and most experiments need few of them. Names of methods may be
    preceded by ``f_``, names of properties by ``v_``, as with trajectories.

    Parameters
    ----------
    trajectory : str or Trajectory
        Name of a new trajectory, or an existing one.
    add_time : bool
        Append the current time to the name of a new trajectory.
    comment : str
        Comment of a new trajectory.
    dynamic_imports : class, str or list of these, optional
        Parameter and result classes of your own, for a new trajectory. Classes are told apart
        by their names alone.
    wildcard_functions : dict, optional
        Tuples of wildcards, for instance ``('$set', 'crunset')``, to functions from run index
        to name; they must know index -1 as well. For a new trajectory.
    automatic_storing : bool
        Store runs when they have finished and the trajectory before and after all runs.
    log_config : str, dict, RawConfigParser or None
        Logging configuration, an ini file for instance; ``None`` leaves logging alone.
        Instead of it ``log_folder``, ``logger_names``, ``log_levels`` and ``log_multiproc``
        adjust the default.
    log_stdout : bool, str, int or (str, int)
        Send what is printed to a logger: its name, a level, or both.
    report_progress : bool, number, str or tuple
        Show progress: steps in percent, logger name (``'print'`` to print) and level.
    multiproc : bool
        Execute runs in several processes.
    ncores : int
        Number of processes, 0 for one per core.
    use_scoop : bool
        Let SCOOP distribute runs over hosts.
    use_pool : bool
        Keep a fixed pool of processes instead of starting one for each run.
    freeze_input : bool
        Let workers of a pool reuse trajectory, function and arguments, which must not be
        modified by runs then.
    timeout : float, optional
        Seconds after which SCOOP gives up a run and a network lock is taken from its holder.
    cpu_cap, memory_cap, swap_cap : float
        Usage in percent above which no further process is started. The one for memory may be a
        pair with the megabytes that a process is expected to need.
    niceness : int, optional
        Least niceness of the processes.
    wrap_mode : str or None
        How data of concurrent runs reaches the storage: ``'LOCK'``, ``'QUEUE'``, ``'PIPE'``,
        ``'LOCAL'``, ``'NETLOCK'``, ``'NETQUEUE'`` or ``'NONE'``.
    queue_maxsize : int
        Messages that may wait for the writer, 0 for any number, -1 for ``2 * ncores``.
    port : int, (int, int) or str, optional
        Port, range of ports or address of the server of the network modes.
    gc_interval : int, optional
        Collect garbage after so many store operations, with LOCAL after so many runs.
    clean_up_runs : bool
        Drop the data of a run from memory once the run has finished, and what post-processing
        loaded of it once that has ended.
    immediate_postproc : bool
        Call post-processing as soon as no run is left to start.
    resumable : bool
        Keep what is needed to resume the experiment after a crash, see :meth:`resume`.
    resume_folder : str, optional
        Folder for that, ``./resume`` by default.
    delete_resume : bool
        Remove these files once all runs have completed.
    storage_service : class, StorageService, str, bool or None
        What stores the trajectory, unless it has a storage service already. A class is
        constructed with the keyword arguments it takes, for instance ``filename``. If nothing
        is said: HDF5, or an archive if `filename` ends in ``.traj``.
    git_repository : str, optional
        Folder with ``.git``; changes of tracked files are committed before the experiment.
    git_message : str
        Beginning of the commit message.
    git_fail : bool
        Raise :class:`~pypet.GitDiffError` instead of committing.
    sumatra_project : str, optional
        Folder of a Sumatra project that records successful experiments.
    sumatra_reason, sumatra_label : str, optional
        Reason and label of the record.
    do_single_runs : bool
        Whether runs will be executed; if not, no settings about them are kept.
    graceful_exit : bool
        Let the first SIGINT stop new runs only, so that active ones finish.
    lazy_debug : bool
        Store nothing while the debugger pydevd is loaded.
    on_run_error : {'raise', 'continue'}, optional
        Whether an exception in a run leaves :meth:`run` or is recorded, see
        :attr:`failed_runs`. By default it is recorded if every run has its own process, and
        raised otherwise.
    retries : int
        How often a failed run is tried again.
    run_timeout : float, optional
        Seconds after which a run is ended and counts as failed.
    start_method : {'fork', 'spawn', 'forkserver'}, optional
        How processes are started; forked by default where that is possible.
    executor : concurrent.futures.Executor or callable, optional
        Executes runs instead of processes of ours; a callable makes one.
    limit_threads : bool
        Keep numerical libraries from using more threads than there are cores.
    **kwargs
        ``config``, an ini file with further arguments; arguments of the storage service;
        properties of the trajectory such as ``auto_load=True``.

    Raises
    ------
    ValueError, TypeError
        If arguments are wrong or do not fit together; nothing has been created then.
    GitDiffError
        If ``git_fail`` is set and the code has uncommitted changes.

    Examples
    --------
    >>> from pypet import Environment
    >>> env = Environment('squares', storage_service='pypet.LazyStorageService',
    ...                   log_config=None, report_progress=False)
    >>> traj = env.trajectory
    >>> _ = traj.f_add_parameter('x', 0)
    >>> traj.f_explore({'x': [1, 2, 3]})
    >>> env.run(lambda traj: traj.x**2)
    [(0, 1), (1, 4), (2, 9)]
    """

    # Where scripts and logging configurations know it, whatever module it is written in.
    __module__ = "pypet.environment"

    @parse_config
    @kwargs_api_change("delete_continue", "delete_resume")
    @kwargs_api_change("continue_folder", "resume_folder")
    @kwargs_api_change("continuable", "resumable")
    @kwargs_api_change("freeze_pool_input", "freeze_input")
    @kwargs_api_change("use_hdf5", "storage_service")
    @kwargs_api_change("dynamically_imported_classes", "dynamic_imports")
    @kwargs_api_change("pandas_append")
    @simple_logging_config
    def __init__(
        self,
        trajectory: Any = "trajectory",
        add_time: bool = False,
        comment: str = "",
        dynamic_imports: Any = None,
        wildcard_functions: Any = None,
        automatic_storing: bool = True,
        log_config: Any = "DEFAULT",
        log_stdout: Any = False,
        report_progress: Any = (5, "pypet", 20),
        multiproc: bool = False,
        ncores: int = 1,
        use_scoop: bool = False,
        use_pool: bool = False,
        freeze_input: bool = False,
        timeout: float | None = None,
        cpu_cap: float = 100.0,
        memory_cap: Any = 100.0,
        swap_cap: float = 100.0,
        niceness: int | None = None,
        wrap_mode: str | None = "LOCK",
        queue_maxsize: int = -1,
        port: Any = None,
        gc_interval: int | None = None,
        clean_up_runs: bool = True,
        immediate_postproc: bool = False,
        resumable: bool = False,
        resume_folder: str | None = None,
        delete_resume: bool = True,
        storage_service: Any = DEFAULT_SERVICE,
        git_repository: str | None = None,
        git_message: str = "",
        git_fail: bool = False,
        sumatra_project: str | None = None,
        sumatra_reason: str = "",
        sumatra_label: str | None = None,
        do_single_runs: bool = True,
        graceful_exit: bool = False,
        lazy_debug: bool = False,
        *,
        on_run_error: str | None = None,
        retries: int = 0,
        run_timeout: float | None = None,
        start_method: str | None = None,
        executor: Any = None,
        limit_threads: bool = True,
        **kwargs: Any,
    ) -> None:
        # Checks and things in memory only.
        arguments = EnvironmentArguments.checked(locals())
        self._logging_manager = LoggingManager(
            log_config=arguments.log_config,
            log_stdout=arguments.log_stdout,
            report_progress=arguments.report_progress,
        )
        self._logging_manager.check_log_config()
        traj, is_new = trajectory_for(arguments)
        keywords = distribute(arguments.storage_service, traj, kwargs)
        moment = moment_for(traj, is_new)
        provenance.check_repository(arguments)
        traj.f_set_properties(**keywords.properties)
        arguments = engines.with_address(arguments)
        # From here on something changes outside of memory.
        services.attach(traj, arguments, keywords.service)
        commit = provenance.commit_code(arguments, traj, moment.time)
        self._identity = Identity.of(traj, moment, commit.commit.hexsha if commit else None)
        self._identity.mark(traj)
        self._logging_manager.extract_replacements(traj)
        self._logging_manager.make_logging_handlers_and_tools()
        services.log_choice(traj)
        provenance.log_commit(commit)
        config_entries.add_entries(arguments, self._identity, traj)
        self._runner = ExperimentRunner(arguments, traj, self._identity, self._logging_manager)
        for sentence in arguments.idle():
            self._logger.warning(sentence)
        self._logger.info("Environment `%s` is ready.", self.name)

    # -------------------------------------------------------------------- identity

    @property
    def trajectory(self) -> Trajectory:
        """The trajectory; another object after :meth:`resume`."""
        return self._runner.trajectory

    @property
    def traj(self) -> Trajectory:
        """The same as :attr:`trajectory`."""
        return self.trajectory

    @property
    def hexsha(self) -> str:
        """SHA-1 that identifies the environment, with git that of the commit."""
        return self._identity.hexsha

    @property
    def time(self) -> str:
        """Local time of creation, ``%Y_%m_%d_%Hh%Mm%Ss``."""
        return self._identity.time

    @property
    def timestamp(self) -> float:
        """Time of creation, seconds since the epoch."""
        return self._identity.timestamp

    @property
    def name(self) -> str:
        """``environment_`` with the beginning of the SHA-1 and the time."""
        return self._identity.name

    def __repr__(self) -> str:
        return f"<Environment {self.name} for Trajectory {self.traj.v_name}>"

    # ------------------------------------------------------------------------ runs

    @property
    def current_idx(self) -> int:
        """Index of the next run that will be looked at; set it to 0 to look at all again."""
        return self._runner.current_idx

    @current_idx.setter
    def current_idx(self, idx: int) -> None:
        COUNT.check("current_idx", idx)
        self._runner.current_idx = idx

    @property
    def failed_runs(self) -> dict[str, RunFailure]:
        """Names of runs that failed, to what is known about the failure."""
        failures, names = self.traj.v_runs.table.failures, self.traj.v_runs.names
        return {names.name(idx): failures[idx] for idx in sorted(failures)}

    def run(self, runfunc: Callable[..., Any], *args: Any, **kwargs: Any) -> list[Any]:
        """Execute a function at every point that has not been completed.

        Parameters
        ----------
        runfunc : callable
            Called as ``runfunc(traj, *args, **kwargs)`` for each run.
        *args, **kwargs
            The same for all runs.

        Returns
        -------
        list of (int, object)
            Run indices, ascending, with what the function returned, for all runs executed by
            this call. Runs that failed are not among them.

        Raises
        ------
        TypeError
            If `runfunc` is no function.
        PresettingError
            If a parameter was preset and never added.
        RuntimeError
            If the environment was made with ``do_single_runs=False``.
        Exception
            What a run raises, depending on ``on_run_error``; the trajectory can be used then,
            and calling ``run`` again executes what is left.
        """
        return self._runner.execute(lambda _, plan: plan.with_run(runfunc, args, kwargs))

    def run_map(
        self, runfunc: Callable[..., Any], *iter_args: Iterable[Any], **iter_kwargs: Iterable[Any]
    ) -> list[Any]:
        """Like :meth:`run`, with arguments of its own for each run.

        Parameters
        ----------
        runfunc : callable
            Called once per run.
        *iter_args, **iter_kwargs
            Iterables; each run that is executed takes the next value of all of them.

        Raises
        ------
        ValueError
            If there are no arguments, or the environment is resumable.
        RuntimeError
            If an iterable has no value left for a run.
        """
        return self._runner.execute(
            lambda _, plan: plan.with_run(runfunc, iter_args, iter_kwargs), mapped=True
        )

    def pipeline(self, pipeline: Callable[[Any], Any]) -> list[Any]:
        """Like :meth:`run` for an experiment that a function prepares.

        Parameters
        ----------
        pipeline : callable
            Gets the trajectory, fills and explores it, and returns the run function with
            ``args`` and ``kwargs``, or two such tuples, the second for post-processing.

        Raises
        ------
        RuntimeError
            If it returns something else.
        """
        return self._runner.execute(lambda traj, plan: plan_from_pipeline(pipeline, traj, plan))

    def pipeline_map(self, pipeline: Callable[[Any], Any]) -> list[Any]:
        """Like :meth:`pipeline`, with iterables as arguments of runs as in :meth:`run_map`."""
        return self._runner.execute(
            lambda traj, plan: plan_from_pipeline(pipeline, traj, plan), mapped=True
        )

    def add_postprocessing(self, postproc: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Call a function after all runs; the one added last counts.

        Parameters
        ----------
        postproc : callable
            Called as ``postproc(traj, results, *args, **kwargs)``. If it expands the trajectory
            or returns a dictionary for :meth:`~pypet.Trajectory.f_expand`, runs follow and it
            is called again. It may also return a tuple of such a dictionary, and new ``args``
            and ``kwargs`` for the runs and for itself.

        Raises
        ------
        TypeError
            If `postproc` is no function.
        """
        self._runner.plan = self._runner.plan.with_postprocessing(postproc, args, kwargs)

    def add_postproc(self, postproc: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """The same as :meth:`add_postprocessing`."""
        self.add_postprocessing(postproc, *args, **kwargs)

    @kwargs_api_change("continue_folder", "resume_folder")
    def resume(
        self, trajectory_name: str | None = None, resume_folder: str | None = None
    ) -> list[Any]:
        """Go on with an experiment whose process died.

        Parameters
        ----------
        trajectory_name : str, optional
            Name of the trajectory of the experiment, by default that of this environment's.
        resume_folder : str, optional
            Its ``resume_folder``, by default that of this environment.

        Returns
        -------
        list of (int, object)
            As :meth:`run` would have returned it.

        Raises
        ------
        TypeError
            If the name is no text or the folder no path.
        RuntimeError
            If this environment is not resumable or does no runs.
        FileNotFoundError
            If there is nothing to resume.
        """
        PATH.or_none().check("resume_folder", resume_folder)
        TEXT.or_none().check("trajectory_name", trajectory_name)
        return self._runner.resume(trajectory_name, resume_folder)

    # --------------------------------------------------------------------- logging

    def disable_logging(self, remove_all_handlers: bool = True) -> None:
        """Stop logging into files and give standard output back; may be called repeatedly.

        Parameters
        ----------
        remove_all_handlers : bool
            Whether handlers that this environment installed are removed, besides the
            redirection of standard output.
        """
        self._logging_manager.finalize(remove_all_handlers)

    def __enter__(self) -> Environment:
        return self

    def __exit__(self, *_: object) -> None:
        self.disable_logging()
