"""The rules of the code's layout, checked on the code: who may import whom, and what nobody does."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import nnbench

PACKAGE = Path(nnbench.__file__).parent
FILES = {
    path.relative_to(PACKAGE.parent)
    .with_suffix("")
    .as_posix()
    .replace("/", ".")
    .removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}

# A file imports only from the rooms before its own. The last ones put everything together.
ROOMS = (
    "errors", "registry", "schema", "sections", "settings", "metrics", "processes", "yamlfile",
    "datasets", "models", "engine", "experiments", "claims", "cells", "records", "plan", "jobs",
    "progress", "text", "verdicts", "report", "audit",
    "api", "dag", "cli", "__init__", "__main__",
)  # fmt: skip
RUN = ("datasets", "models", "engine", "experiments")
READ = ("text", "verdicts", "report", "audit")
TORCH, TABLES = {"torch", "torchvision"}, {"pandas", "matplotlib", "seaborn", "jinja2"}
HEAVY = TORCH | TABLES | {"scipy", "sklearn", "mlxtend", "snakemake"} | {
    "tensorflow", "keras", "jax", "optax",
}  # fmt: skip


def room(name: str) -> str:
    """The part of a module's name that says in which room it is."""
    return name.split(".")[1] if "." in name else "__init__"


def files_in(*rooms: str) -> list[str]:
    return [name for name in FILES if room(name) in rooms]


# all that is neither the run side nor the read side, and what the run side tells the plan
PLANNING = [
    name
    for name in FILES
    if room(name) not in (*RUN, *READ) or name.rpartition(".")[2] == "declared"
]


@cache
def tree(name: str) -> ast.Module:
    return ast.parse(FILES[name].read_bytes())


def imported(nodes: Iterator[ast.AST]) -> set[str]:
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "relative imports escape the code fingerprint"
            assert node.module is not None
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in names if not name.startswith("nnbench.") or name in FILES}


def anywhere(name: str) -> set[str]:
    """What a module imports at any depth of its code."""
    return imported(ast.walk(tree(name)))


def at_import(name: str) -> set[str]:
    """What a module imports when it is imported itself."""

    def executed(node: ast.AST) -> Iterator[ast.AST]:
        for child in ast.iter_child_nodes(node):
            if not (
                isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
                or (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING")
            ):
                yield child
                yield from executed(child)

    return imported(executed(tree(name)))


def reached(name: str, *, whole: bool) -> set[str]:
    """Top-level packages and own modules that a module needs, directly or not."""
    seen: set[str] = set()
    todo = [name]
    while todo:
        module = todo.pop()
        if module in FILES and module not in seen:
            # the public face loads everything, but only when it is asked for it
            todo += anywhere(module) if whole and module != "nnbench" else at_import(module)
            todo += [module.rpartition(".")[0]] if "." in module else []  # its package
        seen.add(module if module in FILES else module.partition(".")[0])
    return seen


def test_the_package_is_a_list_of_rooms() -> None:
    assert {room(name) for name in FILES} == set(ROOMS)
    assert len(list(PACKAGE.glob("*.py"))) <= 12  # what everybody needs, and what puts it together
    assert not {entry.name for entry in PACKAGE.rglob("*") if entry.is_dir()} & {"utils", "common"}


@pytest.mark.parametrize("name", FILES)
def test_a_file_imports_only_from_rooms_before_its_own(name: str) -> None:
    own = ROOMS.index(room(name))
    later = {m for m in anywhere(name) & set(FILES) - {"nnbench"} if ROOMS.index(room(m)) > own}
    assert not later


def test_no_file_stands_in_a_circle_of_imports() -> None:
    packages = {name.rpartition(".")[0] for name in FILES}  # an ``__init__`` is but a shop window
    needs = {name: at_import(name) & set(FILES) - packages for name in set(FILES) - packages}
    order = list(TopologicalSorter(needs).static_order())  # raises at a circle
    assert len(order) == len(needs)


@pytest.mark.parametrize("name", files_in(*RUN))
def test_the_run_side_knows_no_tables_no_figures_and_no_verdicts(name: str) -> None:
    found = reached(name, whole=True)
    assert not found & TABLES
    assert not found & set(files_in(*READ))


@pytest.mark.parametrize("name", files_in(*READ))
def test_the_read_side_knows_no_torch_and_no_training(name: str) -> None:
    found = reached(name, whole=True)
    assert not found & TORCH
    assert not found & set(files_in("engine"))


@pytest.mark.parametrize("name", PLANNING)
def test_planning_loads_nothing_heavy(name: str) -> None:
    assert not reached(name, whole=False) & HEAVY


@pytest.mark.parametrize("name", files_in("datasets"))
def test_datasets_are_numpy_until_they_are_read(name: str) -> None:
    assert not reached(name, whole=False) & HEAVY


def test_checkpoints_name_pickle_for_the_error_of_torch_alone() -> None:
    names = [
        alias.name
        for node in ast.walk(tree("nnbench.engine.checkpoint"))
        if isinstance(node, ast.ImportFrom) and node.module == "pickle"
        for alias in node.names
    ]
    assert names == ["UnpicklingError"]


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_evaluated_pickled_or_swallowed(name: str) -> None:
    found = anywhere(name) - ({"pickle"} if name == "nnbench.engine.checkpoint" else set())
    assert not found & {"pickle", "shelve", "dill", "joblib", "marshal"}
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("eval", "exec", "compile", "__import__"), node.lineno
        if isinstance(node, ast.ExceptHandler):
            caught = node.type
            assert caught is not None, f"bare except on line {node.lineno}"
            assert "BaseException" not in ast.unparse(caught), node.lineno
            broad = ast.unparse(caught) == "Exception"
            assert not (broad and isinstance(node.body[0], ast.Pass)), node.lineno


CHANGES = frozenset(
    {
        "append",
        "extend",
        "insert",
        "add",
        "update",
        "setdefault",
        "pop",
        "popitem",
        "remove",
        "discard",
        "clear",
        "sort",
    }
)


def changed_names(node: ast.AST) -> set[str]:
    """The names whose content a statement or call changes."""
    targets: list[ast.expr] = []
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        targets = [node.func.value] if node.func.attr in CHANGES else []
    elif isinstance(node, ast.Assign | ast.Delete):
        targets = [target.value for target in node.targets if isinstance(target, ast.Subscript)]
    elif isinstance(node, ast.AugAssign):
        targets = [node.target.value if isinstance(node.target, ast.Subscript) else node.target]
    return {target.id for target in targets if isinstance(target, ast.Name)}


@pytest.mark.parametrize("name", FILES)
def test_no_module_has_a_state_that_a_function_changes(name: str) -> None:
    held: set[str] = set()
    for node in tree(name).body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            held |= {target.id for target in targets if isinstance(target, ast.Name)}
    for node in ast.walk(tree(name)):
        assert not isinstance(node, ast.Global | ast.Nonlocal)
        if isinstance(node, ast.FunctionDef | ast.Lambda):
            changed = set().union(*map(changed_names, ast.walk(node)))
            own = {
                n.id
                for n in ast.walk(node)
                if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
            }
            own |= {argument.arg for argument in ast.walk(node) if isinstance(argument, ast.arg)}
            assert not (changed & held) - own, f"{changed & held} on line {node.lineno}"


OWN_DRAWS = "nnbench.engine.own_draws"  # seeds them for a user's own parts; nothing else may


@pytest.mark.parametrize("name", [name for name in files_in(*RUN) if name != OWN_DRAWS])
def test_every_random_draw_has_a_generator_of_its_own(name: str) -> None:
    """The global random state of torch, numpy and random is never seeded or read."""
    assert OWN_DRAWS in FILES
    source = FILES[name].read_text(encoding="utf-8")
    for call in ("np.random.seed", "np.random.rand", "torch.seed", "random.seed"):
        assert f"{call}(" not in source
    # PyTorch's layers draw from it when they are built: on a private copy
    assert source.count("torch.manual_seed(") <= source.count("with torch.random.fork_rng(")
    assert "random" not in anywhere(name)


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_short_and_says_what_it_is(name: str) -> None:
    text = FILES[name].read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300
    assert not text.strip() or ast.get_docstring(tree(name))


def test_only_the_registry_and_the_datasets_import_by_name() -> None:
    by_name = {name for name in FILES if "importlib" in anywhere(name)}
    allowed = {"nnbench.registry", "nnbench.jobs.provenance", "nnbench.cells.modules"}
    assert by_name <= allowed | set(files_in("datasets"))
