"""A run launcher that notices runs whose process is gone.

Dagster's own launcher starts each run as a child of the code server, and cannot say afterwards
whether it lives: when the machine, or everything of Dagster, was killed, such a run stays STARTED
for ever and holds its place in the queue. This one asks the code server that started the run; a
server that is gone took its runs with it. Dagster's run monitor asks it regularly, marks the run
as failed, and run retries start it again. A run that a command executes in its own process has no
code server; the demo's carry a lock instead (process_lock.py).

A code location that was reloaded has a new server, which knows nothing of the runs of the one
before: they go on all the same, in the process that their log names.

A run whose process outlived its code server would be run twice then: each layer's commits replace
whole blocks, so the second finds the work done, or repeats it.
"""

from __future__ import annotations

import dagster as dg
import grpc  # type: ignore[import-untyped]
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import deserialize_value

from chain_assets.defs.process_lock import LOCK_TAG, is_gone
from chain_assets.ops.processes import is_running_since

_ANSWER_WITHIN = 10  # seconds: the server is on this machine


class MonitoredRunLauncher(DefaultRunLauncher):
    """DefaultRunLauncher, with an answer to whether a run's process is there."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Lets Dagster's run monitor ask."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """RUNNING or, with the reason, NOT_FOUND; anything but RUNNING fails the run.

        A run that neither a code server started nor a lock belongs to (`dg launch`) cannot be
        asked about, and is left alone.
        """
        client = self._get_grpc_client_for_termination(run.run_id)  # type: ignore[no-untyped-call]
        if client is None:
            return _health_by_lock(run)
        request = CanCancelExecutionRequest(run_id=run.run_id)
        try:
            answer = client.can_cancel_execution(request, timeout=_ANSWER_WITHIN)
        except DagsterUserCodeUnreachableError as error:
            if _is_late(error):
                # A server that is too busy to answer is not gone, nor are its runs.
                return CheckRunHealthResult(WorkerStatus.RUNNING, "the code server is busy")
            gone = "the code server that started the run is gone"
            return CheckRunHealthResult(WorkerStatus.NOT_FOUND, gone)
        # The server forgets a run when its process ends, however it ended.
        if deserialize_value(answer, CanCancelExecutionResult).can_cancel:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        if _is_alive(self._instance, run):
            return CheckRunHealthResult(WorkerStatus.RUNNING, "its code location was reloaded")
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "the run's process is gone")


def _is_alive(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether the process that the run's log names is there, if it is one of this machine's."""
    logs = instance.event_log_storage.get_logs_for_run(
        run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT
    )
    for entry in logs:
        event = entry.dagster_event
        pid = event.engine_event_data.metadata.get("pid") if event else None
        if pid is not None:
            return is_running_since(int(str(pid.value)), entry.timestamp)
    return False


def _health_by_lock(run: dg.DagsterRun) -> CheckRunHealthResult:
    lock = run.tags.get(LOCK_TAG)
    if lock is not None and is_gone(lock):
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "the run's process is gone")
    return CheckRunHealthResult(WorkerStatus.RUNNING, "no code server started it")


def _is_late(error: DagsterUserCodeUnreachableError) -> bool:
    cause = error.__cause__
    return isinstance(cause, grpc.Call) and cause.code() == grpc.StatusCode.DEADLINE_EXCEEDED
