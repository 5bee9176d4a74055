"""config/README.md explains every key, with its true default, and its examples work."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import TypeAdapter

from nnbench.claims.claim import Claim, Document, Variant
from nnbench.claims.config import Config, read_config
from nnbench.claims.contexts import ContextNeeds, InContexts
from nnbench.claims.pick import Pick
from nnbench.metrics import METRICS
from nnbench.plan.plan import Plan, make_plan
from nnbench.sections import (
    Augment,
    Before,
    Drift,
    Pretrain,
    RareClass,
    Rbm,
    SecondTask,
    Shift,
    Stream,
    Target,
)
from nnbench.settings import Settings
from nnbench.yamlfile import read_yaml

ROOT = Path(__file__).parent.parent
README = (ROOT / "config/README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def config() -> Config:
    return read_config(str(ROOT / "config/config.yaml"))


@pytest.fixture(scope="module")
def plan(config: Config) -> Plan:
    return make_plan(config, root=ROOT)


def rows(section: str, first: str) -> dict[str, list[str]]:
    """Key -> other columns of the table in a section whose first heading is ``first``."""
    text = re.split(rf"^#+ {re.escape(section)}$", README, flags=re.MULTILINE)[1]
    found: dict[str, list[str]] = {}
    inside = False
    for line in re.split(r"^#+ ", text, flags=re.MULTILINE)[0].splitlines():
        columns = [part.strip() for part in re.split(r"(?<!\\)\|", line)[1:-1]]
        inside = bool(columns) and (inside or columns[0] == first)
        if inside and columns[0] != first:
            for key in re.findall(r"`([^`]+)`", columns[0]):
                found[key] = columns[1:]
    return found


README_TABLES = [
    ("`config.yaml`", "key", Config),
    ("A claims file", "key", Document),
    ("A claim", "key", Claim),
    ("Training settings", "setting", Settings),
    ("Training settings", "key of `augment`", Augment),
    ("Training settings", "key of `target`", Target),
    ("Training settings", "key of `rare_class`", RareClass),
    ("Training settings", "key of a shift", Shift),
    ("Training settings", "key of a stream", Stream),
    ("Training settings", "key of `pretrain`", Pretrain),
    ("Training settings", "key of `drift`", Drift),
    ("Training settings", "key of an entry of `before`", Before),
    ("Training settings", "key of `second_task`", SecondTask),
    ("Training settings", "key of `rbm`", Rbm),
    ("A claim", "key of `pick`", Pick),
    ("A claim", "key of `contexts`", InContexts),
    ("A claim", "key of `needs`", ContextNeeds),
]


@pytest.mark.parametrize(("section", "first", "model"), README_TABLES)
def test_the_readme_explains_every_key_and_no_other(section, first, model):
    assert list(rows(section, first)) == list(model.model_fields)


@pytest.mark.parametrize(("section", "first", "model"), README_TABLES)
def test_the_readme_gives_the_true_defaults(section, first, model):
    for name, field in model.model_fields.items():
        said = rows(section, first)[name][0]
        if field.is_required():
            assert said == "required", name
        elif said.startswith("`"):
            default = TypeAdapter(field.annotation).dump_python(
                field.get_default(call_default_factory=True), mode="json", exclude_defaults=True
            )
            written = default if isinstance(default, str) else json.dumps(default)
            assert said.strip("`") in (written, _bare(default)), name
        else:
            assert said in ("none", "none of them", "empty", "the metric's", "the config's"), name


def _bare(default: object) -> str:
    return f"[{', '.join(map(str, default))}]" if isinstance(default, list) else str(default)


def test_the_readme_names_every_key_of_a_variant():
    (text,) = re.findall(r"^A \*\*variant\*\* is.*?\n\n", README, flags=re.MULTILINE | re.DOTALL)
    named = set(re.findall(r"`(\w+)`", text))
    assert set(Variant.model_fields) <= named


def test_the_readme_names_every_metric_with_its_margin():
    table = rows("A claim", "metric")
    assert set(table) == set(METRICS)
    for name, metric in METRICS.items():
        unit, better, margin = table[name]
        assert metric.unit in unit
        end = "lower" if metric.lower_is_better else "higher"
        assert better == (end if metric.directed else "-")
        assert float(re.match(r"[\d.]+", margin)[0]) == metric.margin


def diffs() -> list[str]:
    return re.findall(r"```diff\n(.*?)```", README, flags=re.DOTALL)


def applied(diff: str) -> str:
    """The text after a diff."""
    kept = [line for line in diff.splitlines() if not line.startswith("-")]
    return "\n".join(line[1:] for line in kept)


def test_the_readmes_new_levels_are_accepted(tmp_path):
    shown = (ROOT / "config/claims/loss.yaml").read_text(encoding="utf-8")
    for diff in diffs()[:-1]:
        before = [line[1:] for line in diff.splitlines() if line[:1] in (" ", "-")]
        assert all(line in shown.splitlines() for line in before)
        path = tmp_path / "level.yaml"
        path.write_text(applied(diff), encoding="utf-8")
        changes = read_yaml(path)["dropout"]
        data = read_yaml(ROOT / "config/claims/loss.yaml")["claims"]["dropout"]
        claim = Claim.model_validate_json(json.dumps({**data, **changes}))
        assert len(claim.levels) + len(claim.controls) == 5


def test_the_readmes_new_claim_runs_and_shares_the_reference(tmp_path, config, plan):
    path = tmp_path / "resolve.yaml"
    head = "document: resolve\ntitle: t\nfile: f.txt\nclaims:\n"
    path.write_text(head + applied(diffs()[-1]), encoding="utf-8")
    own = SimpleNamespace(documents=(str(path),), only=("resolve/leaky-relu",))
    changed = config.model_copy(update=vars(own))
    new = make_plan(changed)
    assert {use.claim for use in new.uses} == {"resolve/leaky-relu"}
    shared = set(new.cells) & set(plan.cells)
    assert shared == {use.cells[0] for use in new.uses if use.level == "ReLU"}
