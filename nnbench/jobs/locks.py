"""Locks: of a folder that one process works in, and of files that several users' processes share.

The kernel releases a lock however its process ends.
"""

import errno
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from nnbench.records.store import unwritable

if sys.platform != "win32":  # which has no such locks
    import fcntl

RUN_FILE = Path(".snakemake/nnbench.running")
# a folder of that name is there already
TAKEN = frozenset((errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EPERM))


def to_log(message: str) -> None:
    """Tell the user something, in the job's log."""
    print(f"nnbench: {message}", file=sys.stderr, flush=True)


class Locks(ExitStack):
    """Locked files, let go of together."""

    def __init__(self) -> None:
        super().__init__()
        self._taken: list[tuple[int, Path]] = []

    def whole(self) -> bool:
        """Whether they still keep others away: none of the files was removed or replaced since it was locked."""
        return all(_lies_at(file, path) for file, path in self._taken)

    def take(self, path: Path, *, shared: bool = False) -> bool:
        """Lock a file, without waiting; False: it is taken."""
        how = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB
        while True:
            with ExitStack() as opened:
                file = _opened(path)
                opened.callback(os.close, file)
                try:
                    fcntl.flock(file, how)
                except BlockingIOError:
                    return False
                if _lies_at(file, path):  # and was not removed since it was opened
                    os.utime(file)  # what clears /tmp goes by this time
                    self.push(opened.pop_all())
                    self._taken.append((file, path))
                    return True


@contextmanager
def guarded(folder: Path, *, kept: bool) -> Iterator[None]:
    """The folder is there until the block ends; if it is not to be kept, the last to leave removes it.

    It is locked meanwhile, which also keeps systemd from clearing it away with the rest of /tmp.
    """
    guard = _guard(folder)
    try:
        yield
    finally:
        if not kept:
            with suppress(OSError):  # someone else is here
                fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        os.close(guard)


def _guard(folder: Path) -> int:
    """The folder, opened and locked against removal."""
    while True:
        if not os.path.lexists(folder):
            _publish_folder(folder)
        with suppress(FileNotFoundError), ExitStack() as opened:
            guard = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            opened.callback(os.close, guard)
            fcntl.flock(guard, fcntl.LOCK_SH)
            if _lies_at(guard, folder):
                opened.pop_all()
                return guard


def _opened(path: Path) -> int:
    """A lock file, opened; it may be another user's, but no link.

    Without O_CREAT where it is there: Linux refuses that for others' files in /tmp
    (fs.protected_regular).
    """
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK
    with suppress(FileNotFoundError):
        return os.open(path, flags)
    _publish_file(path)
    return os.open(path, flags)


def _publish_file(path: Path) -> None:
    """Create an empty file that all may lock; no one sees it with other rights."""
    file, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        os.fchmod(file, 0o666)
        with suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        os.close(file)
        Path(temporary).unlink()


def _publish_folder(folder: Path) -> None:
    """Create a folder in which all may create files; no one sees it with other rights."""
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    (temporary / ".keep").touch()  # a folder that is not empty is not replaced by the next one
    temporary.chmod(0o1777)
    try:
        temporary.rename(folder)
    except OSError as error:
        shutil.rmtree(temporary)
        if error.errno not in TAKEN:
            raise


def _lies_at(file: int, path: Path) -> bool:
    """Whether an open file is still the one of that name."""
    try:
        return os.path.samestat(os.fstat(file), path.stat(follow_symlinks=False))
    except FileNotFoundError:
        return False


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold a cell's or a dataset's folder for this process, waiting while another process holds it.

    Where a file system has no locks, this is said and nothing is held: two processes may then do the
    same work, and the record that is written last stays. NnbenchError if the folder cannot be written.
    """
    if sys.platform == "win32":
        yield
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        opened = (folder / ".lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise unwritable(folder, error) from error
    with opened as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read(200) or "another process"
            to_log(f"{folder}: waiting for {holder}, which works on it")
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            to_log(f"{folder}: this file system has no locks ({error.strerror})")
        with suppress(OSError):  # on a full disk nobody learns who waits for whom
            file.truncate(0)
            file.write(f"process {os.getpid()} on {platform.node()}")
            file.flush()
        yield


def is_locked(file: Path) -> bool:
    """Whether a process holds a folder's lock file; nothing is created or waited for."""
    if sys.platform == "win32":
        return False
    with suppress(OSError), file.open("rb") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def running_here() -> BinaryIO | None:
    """Hold this working folder's run file as long as the result lives, as every run in it does.

    Snakemake's own lock outlives a Snakemake that was killed; this one does not, and tells the two apart.
    """
    with suppress(OSError):
        RUN_FILE.parent.mkdir(exist_ok=True)
        file = RUN_FILE.open("ab")
        if sys.platform != "win32":
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return file
    return None
