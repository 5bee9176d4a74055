"""The progress of a cell, saved so that the next job can continue an interrupted one.

One file beside the record holds the cell's finished stages and the state of the training that was running. A
resumed cell ends with the same numbers, bit for bit, as an uninterrupted one; a file from another machine,
device or PyTorch version is therefore ignored, and the cell starts over. (Unrelated: ``checkpoint: best`` in
the settings chooses which weights are tested.)

The file is a line ``nnbench checkpoint 1``, the SHA-256 of the rest, and the output of ``torch.save``. It is
read with ``weights_only``: tensors and plain data, nothing executable.
"""

import hashlib
import struct
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError  # what torch.load raises; nothing is unpickled here
from typing import Any, BinaryIO, TypeVar

import torch

from nnbench.datasets.prepared.files import replacing

HEAD = b"nnbench checkpoint 1\n"
DIGEST = 64  # hexadecimal digits
EVERY_SECONDS = 60.0
LARGEST_SHARE = 0.01  # of a job's time that may go into saving; large states are saved less often

# what torch's reader raises on corrupt content, even if the checksum is right
_UNUSABLE = (
    *(ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, OSError),
    *(RuntimeError, TypeError, ValueError, UnpicklingError, struct.error),
)

Plain = TypeVar("Plain")  # numbers, strings, tensors, and lists and mappings of these
State = dict[str, Any]  # tensors and plain data by name, for ``torch.save``


class Checkpoint:
    """The progress of one cell, saved to ``path`` (None: nowhere) at most every ``every_seconds``.

    At each point of evaluation ``progress`` hears the training's stage, its epoch, and how many it may have.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        every_seconds: float = EVERY_SECONDS,
        progress: Callable[[str, float, float], None] | None = None,
    ) -> None:
        self.path, self.every_seconds, self.progress = path, every_seconds, progress
        self.stopping: int | None = None
        self.resumed = False
        self.saves = 0
        self._identity: Mapping[str, object] = {}
        self._done: State = {}
        self._state: tuple[str, State] | None = None
        self._listening = False
        self._next = time.monotonic() + every_seconds

    def open(self, identity: Mapping[str, object]) -> None:
        """Resume from an earlier job's file if it is intact and from the same cell, device and versions."""
        self._identity = identity
        found = load(self.path) if self.path else None
        if found and found["identity"] != identity:
            _say(f"{self.path}: is of another machine or version; the cell starts anew")
        elif found:
            self.resumed = True
            self._done, self._state = found["done"], found["state"]

    def once(self, stage: str, compute: Callable[[], Plain]) -> Plain:
        """A stage's result, from an earlier job or computed now; written to disk with the next ``save``."""
        if stage not in self._done:
            self._done[stage] = compute()
        found: Plain = self._done[stage]
        return found

    def keep(self, stage: str, values: State) -> None:
        """Save a mutable mapping with every state, starting from an earlier job's values."""
        values.update(self._done.get(stage, {}))
        self._done[stage] = values

    def forget(self, stage: str) -> None:
        """Let a stage run again."""
        self._done.pop(stage, None)

    def forget_state(self) -> None:
        """Drop the state of a finished training."""
        self._state = None

    def saved(self, stage: str) -> State | None:
        """The state that an earlier job saved during this stage, if any."""
        return self._state[1] if self._state is not None and self._state[0] == stage else None

    @contextmanager
    def training(self) -> Iterator[None]:
        """Within this context, a request to stop waits until the training's state is saved."""
        self._listening = self.path is not None
        try:
            yield
        finally:
            self._listening = False

    def due(self) -> bool:
        """Whether to save the running training now; cheap enough to call at every step."""
        return self.path is not None and (
            self.stopping is not None or time.monotonic() >= self._next
        )

    def save(self, stage: str, state: State) -> None:
        """Write to disk; raise SystemExit if a stop was requested. A full disk costs only the checkpoint."""
        assert self.path is not None, "nothing is due without a path"
        started = time.monotonic()
        content = {"identity": dict(self._identity), "done": self._done, "state": (stage, state)}
        try:
            write(self.path, content)
            self.saves += 1
        except OSError as error:
            _say(f"{self.path}: cannot be written ({error.strerror or error}); going on without it")
        ended = time.monotonic()
        self._next = ended + max(self.every_seconds, (ended - started) / LARGEST_SHARE)
        if self.stopping is not None:
            raise SystemExit(self.stopping)

    def stop(self, code: int) -> None:
        """Exit with status ``code``: now (SystemExit), or once a running training has been saved."""
        if not self._listening:
            raise SystemExit(code)
        self.stopping = code

    def remove(self) -> None:
        """Delete the file once the cell is finished."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def write(path: Path, content: Mapping[str, object]) -> None:
    """Write all or nothing, without a second copy in memory; an OSError leaves an older file unchanged."""
    with replacing(path) as file:
        file.write(HEAD + b"0" * DIGEST)
        try:
            torch.save(content, file)
        except RuntimeError as error:  # torch's writer wraps the OSError of a full disk
            raise OSError(0, f"no room for the checkpoint: {error}") from error
        file.seek(len(HEAD) + DIGEST)
        digest = _digest(file)
        file.seek(len(HEAD))
        file.write(digest)


def load(path: Path) -> State | None:
    """The content of a checkpoint; None if the file is missing, or damaged (with a message)."""
    try:
        with path.open("rb") as file:
            return _checked(file)
    except FileNotFoundError:
        return None
    except _UNUSABLE as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)[:200]
        _say(f"{path}: not a usable checkpoint ({reason}); the cell starts anew")
        return None


def _checked(file: BinaryIO) -> State:
    if file.read(len(HEAD)) != HEAD:
        raise ValueError("damaged head")
    wanted = file.read(DIGEST)
    if _digest(file) != wanted:
        raise ValueError("checksum does not match")
    file.seek(len(HEAD) + DIGEST)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about old formats; foreign content is rejected below
        content = torch.load(file, map_location="cpu", weights_only=True)
    match content:
        case {"identity": dict(), "done": dict(), "state": tuple((_, dict()))}:
            return dict(content)
    raise ValueError("not what a cell leaves behind")


def _digest(file: BinaryIO) -> bytes:
    digest = hashlib.file_digest(file, "sha256")  # type: ignore[arg-type]  # it has readinto
    return digest.hexdigest().encode()


def _say(message: str) -> None:
    print(f"nnbench: {message}", file=sys.stderr)
