"""Valid files made malformed, and a watch over what a loader does with them."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from nnbench.errors import NnbenchError

LONGEST_MESSAGE = 6_000  # characters; a reader has to find the place in it
HANGS_SECONDS = 300  # far more than any example takes, on a busy machine, too

TOKENS = (
    *(b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xf0\x9f\x92\xa9", b"\x80\x04", b"\x1f\x8b\x08"),
    *(b"NaN", b"-Infinity", b"1e999", b"-1", b"9" * 25, b"0x", b"2024-13-45", b"1_0"),
    *(b"{", b"[", b"]", b'"', b"'", b": ", b",", b"\n", b"\t", b"&a ", b"*a", b"<<: ", b"---\n"),
    *(b"!!python/object/apply:os.system ['touch executed']", b"!!binary ", b"!!set "),
    *(
        b"../../escaped",
        b"PK\3\4",
        b"\x93NUMPY",
        b"|O8",
        b"<M8[ns]",
        b"<U999999999",
        b"cos\nsystem\n",
    ),
    *(b"{{7*7}}", b"${x}", b"$(touch executed)", b"\x7fELF", b"%PDF", b"<svg onload=alert(1)>"),
)
HOSTILE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, float("nan"), float("inf"), -float("inf"), 10**30, 10**400),
    *(
        "",
        "x",
        "../../escaped",
        "/etc/passwd",
        "a" * 100_000,
        "\0",
        "\u202e",
        "\ud800",
        "1e999",
        "7",
    ),
    *("os:system", "no_such_module:it", "__import__('os')", "=cmd|' /C calc'!A0", "<script>"),
    *("{x}", "$(touch executed)", "javascript:alert(1)", "con", "a.yaml", "a\0.yaml", "test_loss"),
    *([], [1], [[]], ["a", "a"], {}, {"a": 1}, {"": {}}, {"__class__": "x"}, [None], [0.1, "x"]),
)


def _deep(levels: int) -> Any:
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


@st.composite
def damaged(draw: st.DrawFn, content: bytes, *, most: int = 3) -> bytes:
    """The bytes with a few of them flipped, replaced, removed, repeated, or with a token put in."""
    data = bytearray(content)
    for _ in range(draw(st.integers(1, most))):
        place = draw(st.integers(0, max(0, len(data) - 1)))
        action = draw(st.sampled_from(["flip", "replace", "cut", "token", "remove", "repeat"]))
        if action == "flip" and data:
            data[place] ^= 1 << draw(st.integers(0, 7))
        elif action == "replace" and data:
            data[place] = draw(st.integers(0, 255))
        elif action == "cut":
            del data[place:]
        elif action == "token":
            data[place:place] = draw(st.sampled_from(TOKENS))
        elif action == "remove":
            del data[place : place + draw(st.integers(1, 40))]
        else:
            data[place:place] = data[place : place + draw(st.integers(1, 200))]
    return bytes(data)


def places(data: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of nested data, the outer ones first."""
    found, todo = [], [data]
    while todo:
        container = todo.pop(0)
        keys = (
            list(container)
            if isinstance(container, dict)
            else range(len(container) if isinstance(container, list) else 0)
        )
        found += [(container, key) for key in keys]
        todo += [container[key] for key in keys]
    return found


@st.composite
def retyped(draw: st.DrawFn, document: Any) -> Any:
    """Plain data with a value or two replaced, removed, renamed, added, or moved somewhere else."""
    data = deepcopy(document)
    for _ in range(draw(st.integers(1, 2))):
        there = places(data)
        if not there:
            break
        # as often near the top as deep inside, where most of the places are
        container, key = there[
            draw(st.integers(0, draw(st.sampled_from([5, 30, 10**6])))) % len(there)
        ]
        value = deepcopy(draw(st.sampled_from([*HOSTILE, _deep(90), _deep(3)])))
        action = draw(st.sampled_from(["replace", "remove", "rename", "add", "move"]))
        if action == "remove":
            del container[key]
        elif action == "rename" and isinstance(container, dict):
            container[draw(st.sampled_from(["new", "", "a" * 300, "__proto__", f"{key}s"]))] = (
                container.pop(key)
            )
        elif action == "add" and isinstance(container, dict):
            container[draw(st.sampled_from(["new", "\u202e", "failure", "facts"]))] = value
        elif action == "move":
            other, place = there[draw(st.integers(0, len(there) - 1))]
            container[key] = deepcopy(other[place])
        else:
            container[key] = value
    return data


# --- what a loader may do


FORBIDDEN = (
    *(
        "os.system",
        "os.exec",
        "os.posix_spawn",
        "os.fork",
        "os.forkpty",
        "os.startfile",
        "subprocess.Popen",
    ),
    *("pickle.find_class", "socket.connect", "socket.bind", "urllib.Request", "ctypes.dlopen"),
    *("shutil.unpack_archive", "webbrowser.open"),
)
WRITING = (
    *("open", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.link", "os.symlink"),
    "shutil.rmtree",
)


@dataclass
class Watch:
    """What happened that no loader may do: programs started, objects unpickled, files written outside."""

    folder: Path | None = None  # None: nobody is watched
    seen: list[str] = field(default_factory=list)

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.folder is None:
            return
        if event in FORBIDDEN or (event in WRITING and self._writes(event, arguments)):
            self.seen.append(f"{event} {arguments!r:.200}")

    def _writes(self, event: str, arguments: tuple[Any, ...]) -> bool:
        path = arguments[0]
        if event == "open" and not _opens_to_write(arguments):
            return False
        if not isinstance(path, str | bytes):
            return False
        full = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - no resolving while inside a hook
        return not full.startswith(f"{self.folder}{os.sep}")


def _opens_to_write(arguments: tuple[Any, ...]) -> bool:
    _, mode, flags = arguments
    wanted = os.O_WRONLY | os.O_RDWR | os.O_CREAT
    return bool(set("wax+") & set(mode)) if isinstance(mode, str) else bool((flags or 0) & wanted)


WATCH = Watch()
sys.addaudithook(WATCH.hook)  # hooks stay; this one looks only while ``watched``


@contextmanager
def watched(folder: Path) -> Iterator[None]:
    """Fail if something is executed, unpickled, sent or written outside the folder, or never ends."""

    def hangs(_number: int, _frame: object) -> None:
        raise AssertionError(f"still busy after {HANGS_SECONDS} s")

    before = signal.signal(signal.SIGALRM, hangs)
    signal.alarm(HANGS_SECONDS)
    WATCH.folder, WATCH.seen = folder, []
    try:
        yield
    finally:
        WATCH.folder = None
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    assert not WATCH.seen, WATCH.seen


def outcome(load: Callable[[], object], *, folder: Path, names: tuple[str, ...]) -> str:
    """``read`` or ``refused``: a loader gives a value, or an error that a user can act on.

    Args:
        load: Reads one malformed input.
        folder: The only place where it may write.
        names: Of which the error has to mention one: the file, mostly.

    Raises:
        AssertionError: It did something else, or its error is no help.
    """
    with watched(folder):
        try:
            load()
        except NnbenchError as error:
            message = str(error)
        else:
            return "read"
    assert any(name in message for name in names), f"none of {names} is named: {message}"
    assert len(message) <= LONGEST_MESSAGE, f"{len(message)} characters: {message[:300]}"
    for word in ("Traceback", "pydantic", "site-packages"):
        assert word not in message, message
    return "refused"
