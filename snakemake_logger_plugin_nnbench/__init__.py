"""Snakemake's logger plugin ``nnbench``: a run told in lines for people (``--logger nnbench``).

The profiles of this project choose it. Everything that Snakemake itself says goes on standing in its own log,
``.snakemake/log/``. Snakemake finds plugins by the name of their module.
"""

import logging
import sys
import threading
from pathlib import Path
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from nnbench.progress.batch_log import BatchLog
from nnbench.progress.narrator import Narrator, Outlook
from nnbench.report.terminal import closing

# The attributes of log records by which the Snakefile says where the report goes, and what a run is about to do.
REPORTS, OUTLOOK = "nnbench_reports", "nnbench_outlook"
LOOK_SECONDS = 2.0  # between two looks at what running batches say of their cells
# What Snakemake says that a person who waits wants to read.
_TOLD = ("Nothing to be done", "Unlocking", "Terminating", "Will exit after", "Shutting down")


class LogHandler(LogHandlerBase):
    """Turns Snakemake's events into a ``Narrator``'s lines on standard error."""

    def __post_init__(self) -> None:
        self._narrator: Narrator | None = None
        self._reports: Path | None = None
        self._batches: dict[int, BatchLog] = {}  # that run, by Snakemake's number of the job
        self._speaking = threading.RLock()
        self._ended = threading.Event()
        self._as_it_is = self.common_settings.dryrun or self.common_settings.verbose

    def emit(self, record: logging.LogRecord) -> None:
        """Tell what a record means for people."""
        try:
            with self._speaking:
                self._emit(record)
        except Exception:  # noqa: BLE001 - as every logging.Handler does
            self.handleError(record)

    def _emit(self, record: logging.LogRecord) -> None:
        event, told = getattr(record, "event", None), str(record.msg)
        self._reports = getattr(record, REPORTS, self._reports)
        if isinstance(outlook := getattr(record, OUTLOOK, None), Outlook):
            self._begin(outlook)
        elif self._as_it_is:
            if text := self.format(record):
                print(text, file=sys.stdout if self.common_settings.dryrun else sys.stderr)
        elif event is LogEvent.ERROR or (event is None and record.levelno >= logging.WARNING):
            if getattr(record, "exception", "") != "RuleException":  # the job's own error says it
                _say(self.format(record))
        elif event is None and told.startswith(_TOLD):
            _say(told.partition(" (")[0])
            if told.startswith(_TOLD[0]) and self._reports is not None:
                _say("\n".join(closing(self._reports)))
        elif self._narrator is not None:
            self._tell(event, record, self._narrator)

    def _begin(self, outlook: Outlook) -> None:
        further, self._narrator = self._narrator is not None, Narrator(outlook, _say)
        self._narrator.begin()
        if not further:  # seeds: auto has several rounds
            threading.Thread(target=self._signs_of_life, daemon=True).start()

    def _tell(self, event: object, record: logging.LogRecord, narrator: Narrator) -> None:
        said: dict[str, Any] = record.__dict__
        if event is LogEvent.JOB_INFO and said["rule_name"] == "cell":
            log = self._batches.setdefault(said["jobid"], BatchLog(Path(said["log"][0])))
            log.again()
        elif event is LogEvent.JOB_FINISHED and said["job_id"] in self._batches:
            self._batches.pop(said["job_id"]).ended(narrator)
        elif event is LogEvent.JOB_ERROR:
            log = self._batches.get(said["jobid"])
            if log is None or not log.ended(narrator, otherwise=self.format(record)):
                _say(self.format(record))

    def _signs_of_life(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            with self._speaking:
                if self._narrator is not None:
                    for log in self._batches.values():
                        log.tell(self._narrator)
                    self._narrator.sign_of_life()

    def close(self) -> None:
        """End the signs of life."""
        self._ended.set()
        super().close()

    @property
    def writes_to_stream(self) -> bool:
        """It does, in place of Snakemake's own handler."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """It does not."""
        return False

    @property
    def has_filter(self) -> bool:
        """Snakemake's is used: ``--quiet`` works as usual."""
        return False

    @property
    def has_formatter(self) -> bool:
        """Snakemake's is used for what is told as it is."""
        return False

    @property
    def needs_rulegraph(self) -> bool:
        """It does not."""
        return False


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
