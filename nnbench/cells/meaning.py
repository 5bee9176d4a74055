"""What one source file does, apart from how it is written, where it lies and what it is called.

Comments, docstrings, blank lines and layout do not count, nor do quotes, redundant brackets or ``pass``.
An import counts as the names that it binds and what they stand for, however it is spelled, and the
order of neighbouring imports does not. Everything else does. The words are the same under every
supported Python, and nothing is executed.
"""

import ast
import contextlib
import itertools
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from nnbench.errors import NnbenchError

OPENS = "opens a file: name it in nnbench_inputs, or changes of it go unnoticed"
COMPUTES = "brings in code by a computed name, or runs a text: changes of that code go unnoticed"
COMPILED = "is no Python source: what it imports or reads itself is not followed"
STARTS = "starts a program or loads a library: changes of it go unnoticed"
DRAWS = "draws numbers that no seed decides: each run has others, and none can be measured again"
_KINDS = {  # by full name; "?" stands for a value that is no imported module
    COMPUTES: re.compile(
        r"(builtins\.)?(exec|eval|__import__)|builtins|runpy(\.run_\w+)?|imp(\.\w+)?"
        r"|importlib(\.(import_module|reload|__import__|util\.spec_from_\w+|machinery\.\w+Loader))?"
        r"|pkgutil\.resolve_name|pydoc\.locate|sys\.(path|meta_path|path_hooks|modules)"
        r"|site\.addsitedir|([\w.?]+\.)?__path__|nnbench\.registry\.load"
    ),
    STARTS: re.compile(
        r"subprocess\.\w+|os\.(system|popen|exec\w+|spawn\w+|posix_spawn\w*)|ctypes\.\w*DLL"
        r"|ctypes\.\w+\.LoadLibrary|torch\.ops\.load_library|torch\.utils\.cpp_extension\.load"
    ),
    DRAWS: re.compile(r"os\.urandom|secrets\.\w+|uuid\.uuid[14]|random\.SystemRandom|torch\.seed"),
    OPENS: re.compile(
        r"open|\?\.(open|read_text|read_bytes|from_pretrained|load_from_checkpoint)"
        r"|(?!sklearn\.datasets\.load_(?!files|svmlight))[\w.]+\.((\w+_)?(open|load)|open_\w+"
        r"|load_(?!state_dict$)\w+|loadtxt|loadmat|read(_\w+)?|scan_\w+|imread\w*|genfromtxt"
        r"|from_?file|memmap|get_data|getlines?|urlopen|urlretrieve"
        r"|from_pretrained|hf_hub_download|connect|File|FileIO|ZipFile|TarFile|HDFStore|ParquetFile"
        r"|ImageFolder|DatasetFolder|\w*ConfigParser)|xml\.[\w.]+parse|fileinput\.\w+|netCDF4\.Dataset"
    ),
}
_UNSEEDED = re.compile(r"(numpy\.)?random\.(default_rng|Random(State)?|seed|[A-Z]+\d+)|\?\.seed")
_PART = re.compile(r"([A-Za-z_][\w.]*):([A-Za-z_]\w*)|nnbench(?:\.\w+)+")
_SKIPPED = frozenset(("ctx", "kind", "type_comment", "type_ignores"))


@dataclass(frozen=True, slots=True)
class Target:
    """What a name stands for: a module, or its object ``name``; ``otherwise`` if there is no such module."""

    module: str
    name: str = ""
    otherwise: str | None = None

    @property
    def full(self) -> str:
        """Its full name, as in ``torch.nn.ReLU``."""
        return f"{self.module}.{self.name}".rstrip(".")


@dataclass(frozen=True, slots=True, order=True)
class Unfollowed:
    """Something that a file uses and that cannot be followed; ``used`` is its full name, as far as known."""

    file: Path
    line: int
    what: str
    used: str = field(default="?", compare=False)

    def __str__(self) -> str:
        """As the plan prints it."""
        here = Path.cwd()
        file = self.file.relative_to(here) if self.file.is_relative_to(here) else self.file
        return f"{file}, line {self.line}: {self.what}"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a file does."""

    words: tuple[str | Target, ...] = ()  # its code, with a target for each import
    # the names that a single import at the top level binds, and nothing else
    exports: Mapping[str, Target] = field(default_factory=dict)
    inputs: tuple[str, ...] | None = None  # its ``nnbench_inputs``, if it has any
    notes: tuple[Unfollowed, ...] = ()


@cache
def meaning_of(source: bytes, path: Path, module: str, *, package: bool) -> Meaning:
    """Read one file, which is imported as ``module``; a coding cookie is obeyed.

    NnbenchError if it is not Python, or its ``nnbench_inputs`` is not a list of texts.
    """
    tree = _parsed(source, path)
    file = _File(tree, module=module, home=module if package else module.rpartition(".")[0])
    active = any(getattr(node, "module", "") != "__future__" for node in _live(tree.body))
    return Meaning(
        words=tuple(file.words()) if active else (),
        exports=file.exports(),
        inputs=_inputs(tree, path),
        notes=tuple(Unfollowed(path, *note) for note in file.notes()),
    )


def _parsed(source: bytes, path: Path) -> ast.Module:
    try:
        with warnings.catch_warnings(action="ignore"):  # Python itself warns at import
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise NnbenchError(
            f"{path}, line {getattr(error, 'lineno', None) or 1}: cannot be read as Python",
            got=getattr(error, "msg", None) or error,
            todo="correct the file",
        ) from error


def _inputs(tree: ast.Module, path: Path) -> tuple[str, ...] | None:
    for node in tree.body:
        targets = getattr(node, "targets", None) or [getattr(node, "target", None)]
        if "nnbench_inputs" in map(_last_name, targets):  # of an assignment of any kind
            with contextlib.suppress(ValueError, TypeError):
                value = ast.literal_eval(getattr(node, "value", None) or "")
                texts = isinstance(value, list | tuple) and all(isinstance(v, str) for v in value)
                if texts and not isinstance(node, ast.AugAssign):
                    return tuple(value)
            raise NnbenchError(
                f"{path}, line {node.lineno}: nnbench_inputs is not a list of texts",
                got=ast.unparse(node),
                allowed='a literal list, such as nnbench_inputs = ["weights.json", "sizes/*.json"]',
            )
    return None


def _live(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements without those that do nothing, and without what only a type checker reads."""
    for node in body:
        if isinstance(node, ast.If) and _last_name(node.test) == "TYPE_CHECKING":
            yield from _live(node.orelse)
        elif not isinstance(node, ast.Pass) and not (
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        ):
            yield node


def _last_name(node: ast.AST | None) -> str | None:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", None)


class _File:
    """One file's tree, with the name and the package by which its imports are understood."""

    def __init__(self, tree: ast.Module, *, module: str, home: str) -> None:
        self.tree, self.module, self.home = tree, module, home
        self.nodes = list(ast.walk(tree))
        bound = [pair for node in self.nodes for pair in self.bindings(node)]
        self.aliases = {name: target.full for name, target in bound if name}
        self.bound = Counter(name for name, _ in bound)

    def bindings(self, node: ast.AST) -> Iterator[tuple[str, Target]]:
        """The names that an import statement binds; "" for a module that it loads without a name."""
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                yield alias.asname or top, Target(alias.name if alias.asname else top)
                if not alias.asname and top != alias.name:
                    yield "", Target(alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node.module or "", node.level, self.home)
            for alias in node.names:
                yield alias.asname or alias.name, Target(base, alias.name)

    def exports(self) -> dict[str, Target]:
        if "*" in self.bound:  # which may bind any name again
            return {}
        others = {_bound_name(node) for node in self.nodes}
        pairs = [pair for node in self.tree.body for pair in self.bindings(node)]
        return {name: t for name, t in pairs if self.bound[name] == 1 and name not in others}

    def words(self) -> Iterator[str | Target]:
        todo: list[object] = [self.tree]
        while todo:  # no recursion: a long sum is a deep tree
            item = todo.pop()
            if isinstance(item, Target):
                yield item
            elif isinstance(item, ast.AST):
                todo.extend(reversed(self._fields(item)))
            elif isinstance(item, list):
                items = self._block(item) if item and isinstance(item[0], ast.stmt) else item
                yield f"[{len(items)}"
                todo.extend(reversed(items))
            else:
                yield f"{item:#x}" if type(item) is int else ascii(item)

    def _fields(self, node: ast.AST) -> list[object]:
        """What a node consists of, in an order and a form that no version of Python changes."""
        if isinstance(node, ast.Call) and (target := self._imported(node)):
            return [self._called(node.func).rpartition(".")[2], target]
        if isinstance(node, ast.Constant):
            return ["Constant", _named(node.value) or node.value]
        if isinstance(node, ast.JoinedStr):
            return ["JoinedStr", list(_joined(node.values))]
        found: list[object] = [type(node).__name__]
        for name, value in ast.iter_fields(node):
            if name not in _SKIPPED and value is not None and value != []:
                found += [name, value]
        return found

    def _block(self, body: list[ast.stmt]) -> list[object]:
        """Statements that do something; neighbouring imports by the names that they bind, sorted."""
        found: list[object] = []
        imports = (ast.Import, ast.ImportFrom)
        for imported, group in itertools.groupby(_live(body), lambda n: isinstance(n, imports)):
            if imported:
                each = [pair for node in group for pair in self.bindings(node)]
                pairs = list(dict.fromkeys(reversed(each)))[::-1]  # the last one of a name holds
                if all(name != "*" for name, _ in pairs):
                    pairs.sort(key=lambda p: (p[0], p[1].module if not p[0] else ""))
                found += [["import", name, target] for name, target in pairs]
            else:
                found += group
        return found

    def _called(self, node: ast.AST) -> str:
        """The full name of what an expression names; "?" stands for a value that is no module."""
        if isinstance(node, ast.Name):
            return self.aliases.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            local = isinstance(node.value, ast.Name) and node.value.id not in self.aliases
            base = "?" if local else self._called(node.value)
            return f"{'?' if base.startswith('?') else base}.{node.attr}"
        return "?"

    def _imported(self, node: ast.Call) -> Target | None:
        """The module that ``importlib.import_module("literal")`` or ``__import__("literal")`` brings in."""
        given: dict[str | None, ast.expr] = {k.arg: k.value for k in node.keywords}
        given |= zip(("name", "package"), node.args, strict=False)
        text = getattr(given.get("name"), "value", None)
        if not isinstance(text, str):
            return None
        name, called = text.lstrip("."), self._called(node.func)
        level = len(text) - len(name)
        if called in ("__import__", "builtins.__import__") and not level:
            return None if len(node.args) > 4 or given.keys() & {None, "level"} else Target(name)
        home = self._package(given.get("package")) if level else ""
        if called != "importlib.import_module" or home is None:
            return None
        return Target(_absolute(name, level, home))

    def _package(self, given: ast.expr | None) -> str | None:
        if isinstance(given, ast.Constant):
            return str(given.value)
        return {"__package__": self.home, "__name__": self.module}.get(_last_name(given) or "")

    def notes(self) -> Iterator[tuple[int, str, str]]:
        """Line, kind and full name of what cannot be followed."""
        passed = {id(n.func) for n in self.nodes if isinstance(n, ast.Call) and self._imported(n)}
        passed |= {id(n.value) for n in self.nodes if isinstance(n, ast.Attribute)
                   and getattr(n.value, "id", None) in self.aliases}  # fmt: skip
        for node in self.nodes:
            if isinstance(node, ast.Call):
                given = [*node.args, *(keyword.value for keyword in node.keywords)]
                unseeded = all(getattr(value, "value", value) is None for value in given)
                if unseeded and _UNSEEDED.fullmatch(used := self._called(node.func)):
                    yield node.lineno, DRAWS, used
            elif isinstance(node, ast.Name | ast.Attribute) and id(node) not in passed:
                used = self._called(node)
                for what in [what for what, kind in _KINDS.items() if kind.fullmatch(used)][:1]:
                    yield node.lineno, what, used


def _absolute(name: str, level: int, home: str) -> str:
    above = home.split(".") if level else []
    return ".".join(filter(None, [*above[: max(0, len(above) - level + 1)], name]))


def _bound_name(node: ast.AST) -> str | None:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.name
    return node.id if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load) else None


def _named(value: object) -> Target | None:
    """The part that a text such as ``module:object`` or ``nnbench.module`` may name."""
    found = _PART.fullmatch(value) if isinstance(value, str) else None
    return Target(found[1] or found[0], found[2] or "", otherwise=found[0]) if found else None


def _joined(values: list[ast.expr]) -> Iterator[ast.expr]:
    """The pieces of an f-string, neighbouring texts as one: Pythons cut them differently."""
    for text, group in itertools.groupby(values, lambda value: isinstance(value, ast.Constant)):
        if not text:
            yield from group
        elif whole := "".join(str(getattr(value, "value", "")) for value in group):
            yield ast.Constant(whole)
