"""Every way in which a user's own module brings another one in counts, and what cannot be followed is named."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from edited_code import forget

from nnbench.cells import fingerprint, meaning
from nnbench.errors import NnbenchError

HEAD = "WIDTH = 8\ndef make_head(i, o):\n    return (i, WIDTH, o)\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The user's working folder."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    forget()
    yield folder
    forget()


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def code(model: str) -> str:
    forget()
    return fingerprint.code_fingerprint("digits", model, "relu", "adam")


def noted(*names: str) -> list[tuple[str, int, str]]:
    forget()
    return [(u.file.name, u.line, u.what) for u in fingerprint.unfollowed(*names)]


IMPORTS = {
    "from .nets.head import make_head": "mine/nets/head.py",
    "from . import nets": "mine/nets/head.py",
    "from .nets import make_head": "mine/nets/head.py",
    "from .nets import *": "mine/nets/head.py",
    "from .. import beside": "beside.py",
    "import mine.nets.head": "mine/nets/head.py",
    "import mine.nets.head as head": "mine/nets/head.py",
    "import mine.plain": "mine/__init__.py",
    "from mine.nets.head import make_head as made": "mine/nets/head.py",
    "import importlib\nhead = importlib.import_module('mine.nets.head')": "mine/nets/head.py",
    "import importlib as i\nhead = i.import_module('.nets.head', __package__)": "mine/nets/head.py",
    "from importlib import import_module\nh = import_module('.head', 'mine.nets')": "mine/nets/head.py",
    "import importlib\nh = importlib.import_module(name='mine.nets.head')": "mine/nets/head.py",
    "head = __import__('mine.nets.head')": "mine/nets/head.py",
    "def build():\n    from mine.nets import head": "mine/nets/head.py",
    "try:\n    import absent\nexcept ImportError:\n    import beside": "beside.py",
    "from mine.spaces.inner import deep": "mine/spaces/inner/deep.py",
    "import far": "../elsewhere/far.py",
    "import far_package.part": "../elsewhere/far_package/__init__.py",
    "from linked import inside": "../behind/inside.py",
    "import editable": "../editable_source/editable.py",
    "from mine.circle_a import A": "mine/circle_b.py",
    "MEASURE = 'mine.nets.head:make_head'": "mine/nets/head.py",
    "if A:\n    pass\nelse:\n    import near": "mine/near.py",
    "from mine.lazy import later": "mine/nets/head.py",
}  # fmt: skip
CORPUS = {
    "mine/__init__.py": "",
    "mine/plain.py": "",
    "mine/near.py": "NEAR = 1\n",  # found only from beside the file that imports it
    "mine/nets/__init__.py": "from .head import make_head\n",
    "mine/nets/head.py": HEAD,
    "mine/spaces/inner/deep.py": "DEEP = 1\n",  # two folders without __init__
    "mine/circle_a.py": "from mine import circle_b\nA = 1\n",
    "mine/circle_b.py": "from mine import circle_a\nB = 1\n",
    "mine/lazy.py": "from .nets import make_head as later\n",
    "beside.py": "BESIDE = 1\n",
    "../elsewhere/far.py": "FAR = 1\n",
    "../elsewhere/far_package/__init__.py": "FAR = 1\n",
    "../elsewhere/far_package/part.py": "PART = 1\n",
    "../behind/inside.py": "INSIDE = 1\n",
    "../editable_source/editable.py": "EDITABLE = 1\n",
}


@pytest.mark.parametrize(("statement", "file"), IMPORTS.items())
def test_a_change_of_an_imported_file_is_another_cell_and_prose_is_not(
    statement: str, file: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = statement.startswith("from .. ")  # its importer lies one folder deeper
    importer, model = (
        ("outer/mine/own.py", "outer.mine.own") if package else ("mine/own.py", "mine.own")
    )
    file = f"outer/{file}" if package else file
    write(project, CORPUS | {importer: f"{statement}\nA = 1\n"})
    if package:
        write(project, {file: "BESIDE = 1\n"})
    (project / "linked").symlink_to(project / "../behind")
    site = project / "../lib/site-packages"
    site.mkdir(parents=True)
    (site / "editable.py").symlink_to(project / "../editable_source/editable.py")
    monkeypatch.syspath_prepend(site)
    monkeypatch.syspath_prepend(project / "../elsewhere")
    before = code(f"{model}:build")
    content = (project / file).read_text()
    (project / file).write_text(f'"""Prose."""\n\n# more of it\n{content}')
    assert code(f"{model}:build") == before
    (project / file).write_text(f"{content}\nCHANGED = 2\n")
    assert code(f"{model}:build") != before
    assert not {"mine", "far", "linked", "editable"} & set(sys.modules)  # nothing was executed


def test_what_is_installed_counts_by_name_alone(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = project / ".venv/lib/python3.11/site-packages"
    write(project, {"own.py": "import installed\n"})
    write(site, {"installed.py": "A = 1\n"})
    monkeypatch.syspath_prepend(site)
    before = code("own:build")
    write(site, {"installed.py": "A = 2\n"})
    assert code("own:build") == before
    write(project, {"own.py": "import installed_too\n"})
    assert code("own:build") != before


def test_how_an_import_is_spelled_does_not_count(project: Path) -> None:
    found = set()
    for place in ("mine.nets.head", ".nets.head", "mine.nets", ".nets"):
        write(project, CORPUS | {"mine/own.py": f"from {place} import (\n  make_head,)\nA = 1\n"})
        found.add(code("mine.own:build"))
    assert len(found) == 1  # `mine.nets` runs in all of them: `head` lies in it


def test_a_module_may_move_and_another_name_is_no_edit(project: Path) -> None:
    write(project, {"one/a.py": HEAD, "two.py": "from one.a import make_head\n"})
    before = code("two:build")
    (project / "one/a.py").unlink()
    write(project, {"other/deep/b.py": HEAD, "two.py": "from other.deep.b import make_head\n"})
    assert code("two:build") == before


def test_the_order_of_imports_does_not_count_but_the_last_one_of_a_name_does(project: Path) -> None:
    write(project, {"a.py": "x = 1\n", "b.py": "x = 2\n"})
    found = []
    for text in ("import a\nimport b", "import b\nimport a", "from a import x\nfrom b import x",
                 "from b import x\nfrom a import x", "from a import x\nfrom b import x\nfrom a import x"):  # fmt: skip
        write(project, {"own.py": f"{text}\n"})
        found.append(code("own:build"))
    assert found[0] == found[1]
    assert len({*found[1:4]}) == 3
    assert found[4] == found[3]


def test_modules_that_import_each_other_have_one_digest_each_wherever_one_enters(
    project: Path,
) -> None:
    names = ("a", "b", "c")
    write(project, {f"{n}.py": f"import {m}\n{n} = 1\n" for n, m in zip(names, "bca", strict=True)})
    first = [code(f"{name}:x") for name in names]
    assert [code(f"{name}:x") for name in reversed(names)][::-1] == first
    assert len(set(first)) == 3
    write(project, {"c.py": "import a\nc = 2\n"})
    assert all(map(str.__ne__, first, [code(f"{name}:x") for name in names]))


def test_what_only_a_type_checker_imports_does_not_count(project: Path) -> None:
    own = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import typed\n"
    write(project, {"own.py": own, "typed.py": "A = 1\n"})
    before = code("own:build")
    write(project, {"typed.py": "A = 2\n"})
    assert code("own:build") == before


@pytest.mark.parametrize(("text", "what"), {
    "import importlib\nm = importlib.import_module(NAME)": meaning.COMPUTES,
    "import importlib\nm = importlib.import_module(f'mine.{NAME}')": meaning.COMPUTES,
    "import importlib\nm = importlib.import_module('.x', NAME)": meaning.COMPUTES,
    "from importlib import import_module as get\nm = get(NAME)": meaning.COMPUTES,
    "from importlib import import_module\nm = list(map(import_module, NAMES))": meaning.COMPUTES,
    "import importlib\nimportlib.reload(importlib)": meaning.COMPUTES,
    "\nm = __import__(NAME)": meaning.COMPUTES,
    "import runpy\nm = runpy.run_path('x.py')": meaning.COMPUTES,
    "\nexec(TEXT)": meaning.COMPUTES,
    "\nx = eval(TEXT)": meaning.COMPUTES,
    "import sys\nsys.path.insert(0, '..')": meaning.COMPUTES,
    "from nnbench.registry import MODELS, load\nm = load('model', NAME, MODELS)": meaning.COMPUTES,
    "from importlib.util import spec_from_file_location as f\ns = f('x', 'x.py')": meaning.COMPUTES,
    "import importlib\nm = getattr(importlib, 'import_module')(NAME)": meaning.COMPUTES,
    "\n__path__.append('..')": meaning.COMPUTES,
    "import configparser\nc = configparser.ConfigParser()": meaning.OPENS,
    "import numpy as np\nrng = np.random.default_rng()": meaning.DRAWS,
    "from numpy.random import default_rng\nrng = default_rng(seed=None)": meaning.DRAWS,
    "import random\nrng = random.Random()": meaning.DRAWS,
    "import os\nn = os.urandom(4)[0]": meaning.DRAWS,
    "import torch\ns = torch.Generator().seed()": meaning.DRAWS,
    "import subprocess\nsubprocess.run(['./x'])": meaning.STARTS,
    "import ctypes\nlib = ctypes.CDLL('x.so')": meaning.STARTS,
    "\nf = open('x')": meaning.OPENS,
    "from pathlib import Path\nx = Path('x').read_text()": meaning.OPENS,
    "import pathlib\nx = (pathlib.Path(__file__).parent / 'x').read_bytes()": meaning.OPENS,
    "import pathlib\nx = HERE.open()": meaning.OPENS,
    "import json\nx = json.load(FILE)": meaning.OPENS,
    "import numpy as np\nx = np.load('x.npy')": meaning.OPENS,
    "import numpy\nx = numpy.loadtxt('x')": meaning.OPENS,
    "from torch import load\nx = load('x')": meaning.OPENS,
    "import torch\nx = torch.load('x')": meaning.OPENS,
    "import pandas as pd\nx = pd.read_csv('x')": meaning.OPENS,
    "import yaml\nx = yaml.safe_load(FILE)": meaning.OPENS,
    "from PIL import Image\nx = Image.open('x')": meaning.OPENS,
}.items())  # fmt: skip
def test_what_cannot_be_followed_is_named(text: str, what: str, project: Path) -> None:
    write(project, {"own.py": "import beneath\n", "beneath.py": f"{text}\n"})
    assert noted("mlp", "own:build") == [("beneath.py", 2, what)]
    assert str(fingerprint.unfollowed("own:build")[0]) == f"beneath.py, line 2: {what}"


@pytest.mark.parametrize("text", [
    "import json, re\nx = json.loads(TEXT)\ny = re.compile('x')",
    "import torch\nmodel = torch.compile(net)\nmodel.eval()\nmodel.load_state_dict({})\nself.load(1)",
    "import importlib, random\nm = importlib.import_module('json')\nr = random.Random(3).random()",
    "from beside import read_sizes\nx = read_sizes()\nimport beside\nbeside.load_all()",
    "from sklearn.datasets import load_iris\nx = load_iris()",
    "from torch import nn, Tensor\nclass Net(nn.Module):\n    def forward(self, x): return x.relu()",
])  # fmt: skip
def test_what_is_followed_or_reads_nothing_is_not_named(text: str, project: Path) -> None:
    write(project, {"own.py": text, "beside.py": "def read_sizes(): ...\ndef load_all(): ...\n"})
    assert noted("own:build") == []


def test_declared_inputs_count_and_are_no_longer_named(project: Path) -> None:
    own = "import json\nX = json.load(open('sizes.json'))\n"
    write(project, {"p/own.py": own, "p/sizes.json": "1", "p/more/a.txt": "a", "p/more/b.txt": "b"})
    assert noted("p.own:build") == [("own.py", 2, meaning.OPENS)]
    found = [code("p.own:build")]
    write(project, {"p/own.py": f"nnbench_inputs = ['sizes.json', 'more/*.txt']\n{own}"})
    assert noted("p.own:build") == []
    for files in ({}, {"p/sizes.json": "2"}, {"p/more/b.txt": "c"}, {"p/more/c.txt": ""}):
        write(project, files)
        found.append(code("p.own:build"))
    assert len(set(found)) == 5
    write(project, {"p/more/c.log": "unlisted"})
    assert code("p.own:build") == found[-1]


@pytest.mark.parametrize(("line", "message"), [
    ("nnbench_inputs = ['absent.json']", "names a file that does not exist"),
    ("nnbench_inputs = ['*.json']", "names a file that does not exist"),
    ("nnbench_inputs = NAMES", "line 1: nnbench_inputs is not a list of texts"),
    ("nnbench_inputs = [1]", "line 1: nnbench_inputs is not a list of texts"),
    ("nnbench_inputs: list = 'x.json'", "line 1: nnbench_inputs is not a list of texts"),
    ("x = (1", "own.py, line 1: cannot be read as Python"),
])  # fmt: skip
def test_a_wrong_own_module_is_named_by_file_and_line(
    line: str, message: str, project: Path
) -> None:
    write(project, {"own.py": f"{line}\n"})
    with pytest.raises(NnbenchError, match=message):
        code("own:build")


def test_a_missing_own_module_is_an_error_that_says_what_to_do(project: Path) -> None:
    write(project, {"mine/__init__.py": "raise SystemExit\n"})
    for name in ("absent:build", "mine.absent:build"):
        with pytest.raises(NnbenchError, match="add its folder to PYTHONPATH"):
            code(name)


def test_an_archive_on_the_path_counts_by_its_bytes_and_is_named(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project, {"own.py": "import zipped\n"})
    monkeypatch.syspath_prepend(project / "parts.zip")
    found = []
    for number in (1, 2):
        with zipfile.ZipFile("parts.zip", "w") as archive:
            archive.writestr("zipped.py", f"A = {number}\n")
        found.append(code("own:build"))
    assert found[0] != found[1]
    assert [(name, what) for name, _, what in noted("own:build")] == [
        ("zipped.py", meaning.COMPILED)
    ]


def test_a_coding_cookie_is_obeyed(project: Path) -> None:
    text = "# -*- coding: latin-1 -*-\nname = 'é'\n"
    (project / "own.py").write_bytes(text.encode("latin-1"))
    before = code("own:build")
    (project / "own.py").write_text("name = 'é'\n", encoding="utf-8")
    assert code("own:build") == before
    (project / "own.py").write_bytes(text.replace("é", "è").encode("latin-1"))
    assert code("own:build") != before
