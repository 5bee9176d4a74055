"""What a file does is the same in any layout, and any change of it is seen: over the package itself."""

from __future__ import annotations

import ast
import io
import random
import shutil
import subprocess
import sys
import tokenize
from functools import cache
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import nnbench
from nnbench.cells.meaning import Target, meaning_of

PACKAGE = Path(nnbench.__file__).parent
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")
IMPORTS = (ast.Import, ast.ImportFrom)
DRAWS = st.randoms(use_true_random=True)
Words = tuple[str | Target, ...]


def words(source: str) -> Words:
    return meaning_of(source.encode(), Path("x.py"), "a.b", package=False).words


@cache
def source(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def blocks(tree: ast.AST) -> list[list[ast.stmt]]:
    found = [getattr(n, name, None) for n in ast.walk(tree) for name in ("body", "orelse")]
    return [block for block in found if isinstance(block, list) and block]


# --- nothing changes


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_comment_quote_or_layout_counts(path: Path) -> None:
    assert words(ast.unparse(ast.parse(source(path)))) == words(source(path))


def test_another_formatters_layout_does_not_count(tmp_path: Path) -> None:
    ruff = shutil.which("ruff", path=str(Path(sys.executable).parent)) or shutil.which("ruff")
    if ruff is None:
        pytest.skip("no formatter is installed")
    copied = shutil.copytree(PACKAGE, tmp_path / "nnbench")
    layout = "line-length=60\nindent-width=2\nformat.quote-style='single'\nformat.skip-magic-trailing-comma=true"
    (tmp_path / "ruff.toml").write_text(layout)
    subprocess.run(
        [ruff, "format", "-q", "--config", "ruff.toml", "nnbench"], cwd=tmp_path, check=True
    )
    changed = [copied / path.relative_to(PACKAGE) for path in FILES]
    assert [words(source(path)) for path in changed] == [words(source(path)) for path in FILES]
    assert sum(source(a) != source(b) for a, b in zip(changed, FILES, strict=True)) > len(FILES) / 2


@settings(max_examples=60, deadline=None)
@given(path=st.sampled_from(FILES), draw=DRAWS)
def test_comments_and_blank_lines_anywhere_do_not_count(path: Path, draw: random.Random) -> None:
    lines = source(path).splitlines()
    for token in reversed(list(tokenize.generate_tokens(io.StringIO(source(path)).readline))):
        if token.type in (tokenize.NEWLINE, tokenize.NL) and draw.random() < 0.3:
            row, column = token.start
            lines[row - 1 : row] = [lines[row - 1][:column] + "  # 'prose' (", "", "\t# more"]
    edited = "\n".join(lines) + "\n"
    assert edited != source(path)
    assert words(edited) == words(source(path))


@settings(max_examples=60, deadline=None)
@given(path=st.sampled_from(FILES), draw=DRAWS)
def test_docstrings_and_pass_anywhere_do_not_count(path: Path, draw: random.Random) -> None:
    tree = ast.parse(source(path))
    for block in blocks(tree):
        if block is not tree.body and draw.random() < 0.5:
            block.insert(draw.randrange(len(block) + 1), ast.Expr(ast.Constant("prose")))
            block.append(ast.Pass())
    assert words(ast.unparse(ast.fix_missing_locations(tree))) == words(source(path))


@settings(max_examples=30, deadline=None)
@given(path=st.sampled_from(FILES), draw=DRAWS)
def test_the_order_of_neighbouring_imports_does_not_count(path: Path, draw: random.Random) -> None:
    tree = ast.parse(source(path))
    found = (i for i, node in enumerate(tree.body) if isinstance(node, IMPORTS))
    first = next(found, -1) + 1  # __future__; a file may import nothing
    last = first
    while last < len(tree.body) and isinstance(tree.body[last], IMPORTS):
        last += 1
    between = tree.body[first:last]
    draw.shuffle(between)
    tree.body[first:last] = between
    assert words(ast.unparse(tree)) == words(source(path))


# --- everything else does


def another(value: object) -> str | bytes | int | float:
    if isinstance(value, bool) or not isinstance(value, str | bytes | int | float):
        return 17
    if isinstance(value, int | float):
        return 2 * value + 1  # also of 1e100 another one
    return value + "x" if isinstance(value, str) else value + b"x"


def mutated(node: ast.AST) -> bool:
    """Change one node in place, if it has something to change."""
    if isinstance(node, ast.Constant):
        node.value = another(node.value)
    elif isinstance(node, ast.BinOp):
        node.op = ast.Mod() if isinstance(node.op, ast.Add) else ast.Add()
    elif isinstance(node, ast.Compare):
        node.ops[0] = ast.Gt() if isinstance(node.ops[0], ast.LtE) else ast.LtE()
    elif isinstance(node, ast.BoolOp):
        node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    elif isinstance(node, ast.arguments) and node.defaults:
        node.defaults.pop()
    elif isinstance(node, ast.FunctionDef | ast.ClassDef) and node.decorator_list:
        node.decorator_list.pop()
    elif isinstance(node, ast.Name | ast.Attribute | ast.keyword):
        field = {ast.Name: "id", ast.Attribute: "attr", ast.keyword: "arg"}[type(node)]
        setattr(node, field, f"{getattr(node, field)}_")
    elif isinstance(node, ast.alias):
        node.name, node.asname = f"{node.name}_", node.asname or node.name
    else:
        return False
    return True


def checked(node: ast.AST) -> bool:
    """Whether only a type checker reads it."""
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def that_count(tree: ast.Module) -> list[ast.AST]:
    """The nodes outside prose, outside f-strings, and outside what only a type checker reads."""
    skipped: set[int] = set()
    for node in ast.walk(tree):
        prose = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
        starred = isinstance(node, ast.keyword) and node.arg is None
        if prose or checked(node) or future or starred or isinstance(node, ast.JoinedStr):
            skipped |= {id(inner) for inner in ast.walk(node)}
    return [node for node in ast.walk(tree) if id(node) not in skipped]


@settings(max_examples=200, deadline=None)
@given(path=st.sampled_from(FILES), data=st.data())
def test_any_changed_constant_name_operator_default_or_decorator_counts(
    path: Path, data: st.DataObject
) -> None:
    tree = ast.parse(source(path))
    assume(mutated(data.draw(st.sampled_from(that_count(tree)))))
    assert words(ast.unparse(tree)) != words(source(path))


def lives(node: ast.stmt) -> bool:
    prose = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return not prose and not isinstance(node, (ast.Pass, *IMPORTS)) and not checked(node)


@settings(max_examples=100, deadline=None)
@given(path=st.sampled_from(FILES), data=st.data())
def test_each_statement_and_their_order_count(path: Path, data: st.DataObject) -> None:
    tree = ast.parse(source(path))
    block = data.draw(st.sampled_from(blocks(tree)))
    living = [i for i, node in enumerate(block) if lives(node)]
    assume(living)
    at = data.draw(st.sampled_from(living))
    block.insert(at, block[at])
    assert words(ast.unparse(tree)) != words(source(path))
    del block[at]
    following = [i for i in living if i > at and ast.dump(block[i]) != ast.dump(block[at])]
    if following:
        block[at], block[following[0]] = block[following[0]], block[at]
        assert words(ast.unparse(tree)) != words(source(path))


@pytest.mark.parametrize(("one", "other"), [
    ("x = 1", "x = 1.0"), ("x = 1", "x = True"), ("x = 'a'", "x = b'a'"), ("x = (1,)", "x = (1)"),
    ("x = f'{a}'", "x = f'{a!r}'"), ("x = f'{a}b'", "x = f'{a}c'"), ("x = f'{a:.1f}'", "x = f'{a:.2f}'"),
    ("x = 1\ny = 2", "y = 2\nx = 1"), ("if a:\n    b()\nc()", "if a:\n    b()\n    c()"),
    ("def f(a, /): return a", "def f(a): return a"), ("def f(*, a): return a", "def f(a): return a"),
    ("{**a, 'b': 1}", "{'b': 1, **a}"), ("import a.b", "import a.c"), ("import a.b", "import a"),
    ("from a import b", "from a import b as c"), ("from .a import b", "from . import b"),
    ("x = a.b.c", "x = a.c.b"), ("x = (a + b) * c", "x = a + b * c"), ("x = -1", "x = +1"),
    ("async def f(): return 1", "def f(): return 1"), ("x: int = 1", "x: float = 1"),
])  # fmt: skip
def test_small_differences_that_count(one: str, other: str) -> None:
    assert words(one) != words(other)


@pytest.mark.parametrize(("one", "other"), [
    ("x = 1000", "x = 1_000"), ("x = 'a' 'b'", 'x = "ab"'), ("x = (1)", "x = 1"), ("x = 0xff", "x = 255"),
    ("x = f'a' f'{b}'", 'x = f"a{b}"'), ("f(a, b)", "f(\n    a,\n    b,\n)"), ("x = 1;y = 2", "x = 1\ny = 2"),
    ("class A: 'doc'", "class A: ..."), ("import a, b", "import b\nimport a"), ("x = 1\r\ny = 2\r\n", "x = 1\ny = 2\n"),
    ("import a.b as b", "from a import b"), ("from a.b import c", "from .b import c"),
    ("x = 1\n'''attribute'''", "x = 1"), ("", "'only prose'"), ("x = '\\d'", "x = '\\\\d'"),
])  # fmt: skip
def test_small_differences_that_do_not_count(one: str, other: str) -> None:
    def named(source: str) -> list[str]:
        pairs = (
            (w, w) if isinstance(w, str) else (f"{w.module}.{w.name}".rstrip("."), w)
            for w in words(source)
        )
        return [text for text, _ in pairs]

    assert named(one) == named(other)


def test_a_long_sum_and_a_long_number_are_read() -> None:
    assert words("x = " + " + ".join(["a"] * 900))
    assert words(f"x = 0x{'f' * 9000}") != words(f"x = 0x{'e' * 9000}")


COUNTS = """
import hashlib, sys
from pathlib import Path
from nnbench.cells.meaning import meaning_of
found = hashlib.sha256()
for path in sorted(Path(sys.argv[1]).rglob("*.py")):
    meant = meaning_of(path.read_bytes(), path, "a.b", package=False)
    found.update(repr((meant.words, sorted(meant.exports), meant.notes)).encode())
print(found.hexdigest())
"""
STRINGS = """
x = f"{a!r:>{w}} {b=} {{c}} {d['e']}" "f" f'{g:%Y-%m-%d}' f"{h:{'>'}{i}}"
y = f'''{
  a
}''' rf"\\d{a}" f"{a}" f"" "" f"{'x' f'{a}'}" f"{a:}" f"{ a = !s}" f"\\N{BULLET}{a}"
match a:
    case {"b": [c, *_], **rest} if c: pass
"""


@pytest.mark.parametrize("python", ["python3.12", "python3.13"])
def test_every_python_reads_the_same(python: str, tmp_path: Path) -> None:
    (tmp_path / "strings.py").write_text(STRINGS)

    def counted(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
        line = [command, "-c", COUNTS, str(folder)]
        return subprocess.run(line, cwd=PACKAGE.parent, capture_output=True, text=True, check=False)

    version = python.removeprefix("python")
    kept = sorted((Path.home() / ".pyenv/versions").glob(f"{version}*/bin/{python}"))
    there = [*map(str, kept), *filter(None, [shutil.which(python)])]
    found = next((path for path in there if counted(path, tmp_path).returncode == 0), None)
    if found is None:
        pytest.skip(f"no {python} here")
    for folder in (PACKAGE, tmp_path):
        other, own = counted(found, folder), counted(sys.executable, folder)
        assert (other.stderr, own.stderr) == ("", "")
        assert other.stdout == own.stdout
