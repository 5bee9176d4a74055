"""Shared ground of the config models: strict, frozen, no unknown keys, errors in plain words."""

import json
import math
import re
from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from nnbench.errors import NnbenchError, nearest


class Strict(BaseModel):
    """A config section: unknown keys and wrong types are errors, values cannot be changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


Model = TypeVar("Model", bound=Strict)

# What no text may hold: control characters but tab and line ends, and those that turn the direction
# of writing, so that a name reads as another one. Here as ``json.dumps`` writes them, after an even
# number of backslashes.
_ESCAPED = re.compile(
    r"(?<!\\)(?:\\\\)*"
    r"(\\(?:b|f|u(?:00(?:0[0-8bcef]|1[0-9a-f]|7f|[89][0-9a-f])|202[89a-e]|206[6-9])))"
)
_UNPRINTABLE = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028-\\u202e\\u2066-\\u2069\\ud800-\\udfff]")
LONGEST_NAME = 60  # characters


def is_name(text: str, *, most: int = LONGEST_NAME) -> bool:
    """Whether a text can name something in tables and figures: short, on one line, nothing hidden."""
    return 1 <= len(text) <= most and _UNPRINTABLE.search(text) is None


def printable(text: str) -> str:
    """The text with � in place of characters that could control a terminal."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


LARGEST = 1e100
"""Of a number: squares and sums of such ones are finite, and nothing measured is larger."""


def _finite(value: Any) -> Any:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("should be a finite number")
    if isinstance(value, int | float) and not -LARGEST <= value <= LARGEST:
        raise ValueError(f"should be a number of at most {LARGEST:g}")
    for part in inner:
        _finite(part)
    return value


Bounded = Annotated[float, AfterValidator(_finite)]
Anything = Annotated[Any, AfterValidator(_finite)]
"""Plain data of any shape, its numbers finite: pydantic itself looks at no value of type Any."""


def parse(model: type[Model], data: object, *, where: str) -> Model:
    """Check plain data (as YAML or JSON gives it) against a config model.

    Raises NnbenchError with every problem found, its place, what was found and what is allowed.
    """
    try:
        # Strict validation through JSON lets lists stand for tuples, and nothing else for anything.
        text = json.dumps(data)
        parsed = model.model_validate_json(text)
    except ValidationError as error:
        raise _explain(model, error, data, where=where) from None
    except (TypeError, ValueError, RecursionError) as error:
        todo = "write texts, numbers, true, false, lists and keys with values alone"
        raise NnbenchError(f"{where}: not plain data ({error})", todo=todo) from None
    if hidden := _ESCAPED.search(text):
        what = f"{where}: a text has a control character"
        raise NnbenchError(what, got=hidden[1], todo="remove it")
    return parsed


def first_problem(error: ValidationError, *, most: int = 300) -> str:
    """The first thing that is wrong with data of ours, and where; at most so many characters."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))[:100]
    message = _plain_words(first)
    return (f"{place}: {message}" if place else message)[:most]


def _explain(
    model: type[Strict], error: ValidationError, data: object, *, where: str
) -> NnbenchError:
    found = [_with_infinity(item, data) for item in error.errors(include_url=False)]
    problems = [_problem(model, item) for item in found[:MOST_PROBLEMS]]
    if len(found) == 1:
        return problems[0].at(where)
    lines = [str(problem).replace("\n  ", "; ") for problem in problems]
    more = [f"and {len(found) - len(lines)} more"] if len(found) > len(lines) else []
    todo = "correct them one by one"
    return NnbenchError(
        f"{where}: {len(found)} problems\n  " + "\n  ".join([*lines, *more]), todo=todo
    )


def _with_infinity(item: ErrorDetails, data: Any) -> ErrorDetails:
    """The problem as it is: JSON, by which pydantic sees the data, has no infinity and no NaN."""
    try:
        for part in item["loc"]:
            data = data[part]
    except (LookupError, TypeError):
        return item
    infinite = item["input"] is None and isinstance(data, float)
    return {**item, "input": data, "type": "finite_number"} if infinite else item


def _problem(model: type[Strict], item: ErrorDetails) -> NnbenchError:
    loc = item["loc"]
    if item["type"] == "extra_forbidden":
        allowed = _fields_at(model, loc[:-1])
        guess = meant(str(loc[-1]), allowed) or nearest(str(loc[-1]), allowed)
        problem = NnbenchError(
            "unknown key",
            got=repr(loc[-1]),
            allowed=", ".join(allowed) or None,
            todo=f"did you mean {guess!r}?" if guess else "remove the key",
        )
    elif item["type"] == "missing":
        problem = NnbenchError("required key is missing", todo="add it")
    else:
        what, *more = _plain_words(item).split("\n  ")  # a validator hands on an error of ours
        parts = dict(line.split(": ", 1) for line in more)
        problem = NnbenchError(
            what.removeprefix(f"{loc[-1]}: " if loc else ""),
            got=parts.get("got") or _shown(item, what),
            allowed=parts.get("allowed"),
            todo=parts.get("do") or _hint(item) or _change(_spoken_of(item, what)),
        )
    return problem.at(".".join(map(str, loc))) if loc else problem


def _spoken_of(item: ErrorDetails, what: str) -> dict[str, object]:
    """Of a section whose keys do not go together, those that the error speaks of."""
    value = item["input"]
    if not isinstance(value, dict) or item["type"] != "value_error":
        return {}
    return {k: given for k, given in value.items() if re.search(rf"\b{re.escape(k)}\b", what)}


def _shown(item: ErrorDetails, what: str) -> str | None:
    """The value that is wrong, if it is short."""
    shown = repr(item["input"])
    if isinstance(item["input"], dict) and item["type"] == "value_error":
        shown = ", ".join(f"{key}: {given}" for key, given in _spoken_of(item, what).items())
    return shown if 0 < len(shown) <= LONGEST_SHOWN else None


def _plain_words(item: ErrorDetails) -> str:
    """What is wrong, in the words of somebody who writes YAML; a validator's own words stay."""
    template = _PLAIN.get(item["type"])
    if template is None:
        return re.sub(r"^(?:Value error, |Input (?=should))", "", item["msg"])
    return re.sub(r"\{(\w+)\}", lambda name: _limit(item, name[1]), template)


def _limit(item: ErrorDetails, name: str) -> str:
    value = item.get("ctx", {}).get(name, name)
    return f"{value:g}" if isinstance(value, float) else _FORMS.get(str(value), str(value))


# what other tools call our keys; the first that stands at a place is meant
OTHER_NAMES: Mapping[str, str] = {
    name: ours
    for ours, names in {
        "lr": "learning_rate learningrate step_size alpha eta base_lr initial_lr learning_rate_init",
        "train_for": "epochs num_epochs n_epochs nb_epoch nb_epochs max_epochs num_train_epochs steps "
        "max_steps num_steps n_steps max_iter iterations budget",
        "batch_size": "bs batch batchsize minibatch mini_batch minibatch_size per_device_train_batch_size",
        "optimizer": "optim optimiser solver algorithm",
        "optimizer_options": "optimizer_kwargs optim_kwargs optimizer_params optimizer_args betas eps",
        "l2": "weight_decay wd l2_reg l2_regularization kernel_regularizer",
        "l1": "l1_reg l1_regularization",
        "activation": "nonlinearity activation_function act act_fn",
        "hidden": "units hidden_size hidden_sizes hidden_units hidden_dim hidden_dims hidden_layers "
        "hidden_layer_sizes layers layer_sizes n_hidden num_hidden width widths neurons",
        "dropout": "dropout_rate dropout_p drop drop_rate",
        "init": "initializer initialization initialisation kernel_initializer weight_init",
        "model": "architecture arch net network",
        "model_options": "model_kwargs model_args model_params",
        "loss": "loss_fn loss_function criterion objective",
        "schedule": "scheduler lr_scheduler lr_schedule lr_decay",
        "patience": "early_stopping early_stop n_iter_no_change",
        "inputs": "normalization normalisation normalize standardize preprocessing",
        "augment": "augmentation augmentations data_augmentation transforms",
        "mixed_precision": "amp fp16 bf16 precision",
        "train_size": "n_train num_train n_samples num_samples training_size",
        "seeds": "replicates repeats n_repeats n_seeds num_seeds n_runs num_runs runs seed random_seed",
        "tuning_seeds": "tune_seeds",
        "results": "output output_dir out_dir results_dir log_dir",
        "threads": "num_threads n_threads n_jobs num_workers cores cpus",
        "levels": "conditions arms groups treatments",
        "datasets": "dataset data",
        "tune": "grid param_grid search_space sweep",
        "metric": "metrics measure score scoring",
        "separator": "sep delimiter",
        "target": "label labels label_column target_column y",
        "features": "columns feature_columns input_columns x usecols",
        "path": "file filename file_path data_path",
        "licence": "license",
        "test_share": "test_size test_split test_fraction",
        "validation_size": "val_size valid_size validation_split",
        "split_seed": "random_state",
        "missing": "na_values null_values",
        "class_names": "label_names target_names",
    }.items()
    for name in names.split()
}
_ALSO: Mapping[str, str] = {"seed": "split_seed", "groups": "group", "classes": "class_names"}


def meant(key: str, allowed: Iterable[str]) -> str | None:
    """The allowed key that another tool's name for it stands for, or None."""
    folded = key.casefold().replace("-", "_")
    return next((k for k in (OTHER_NAMES.get(folded), _ALSO.get(folded)) if k in {*allowed}), None)


# pydantic speaks of JSON and of Python; users write YAML
_PLAIN: Mapping[str, str] = {
    **dict.fromkeys(["tuple_type", "list_type"], "should be a list: [a, b]"),
    **dict.fromkeys(
        ["dict_type", "model_type", "model_attributes_type"],
        "should be keys with values: {key: value}",
    ),
    **dict.fromkeys(["int_type", "int_from_float", "int_parsing"], "should be a whole number"),
    "float_type": "should be a number",
    "finite_number": "should be a finite number",
    "string_type": "should be a text",
    "bool_type": "should be true or false",
    "none_required": "should be empty (null)",
    "literal_error": "should be one of: {expected}",
    "greater_than": "should be more than {gt}",
    "greater_than_equal": "should be {ge} or more",
    "less_than": "should be less than {lt}",
    "less_than_equal": "should be {le} or less",
    "too_short": "should have at least this many entries: {min_length}",
    "too_long": "should have at most this many entries: {max_length}",
    "string_too_short": "should be a text with at least this many characters: {min_length}",
    "string_too_long": "should be a text with at most this many characters: {max_length}",
    "string_pattern_mismatch": "should be {pattern}",
    "union_tag_invalid": "should be one of: {expected_tags}",
    "union_tag_not_found": "should say which kind it is, by the key {discriminator}",
    "missing": "is missing",
    "extra_forbidden": "is an unknown key",
    "json_invalid": "has a text that is no valid Unicode",
}
_FORMS = {r"^[A-Za-z][A-Za-z0-9_]*$": "letters, digits and _, a letter first"}
_NUMBER = re.compile(r"[-+]?\d[\d., '_]*([eE][-+]?\d+)?")
MOST_PROBLEMS = 20  # that one error spells out
LONGEST_SHOWN = 100  # characters of a value; a whole section is no help in an error


def _hint(item: ErrorDetails) -> str | None:
    """What the user most likely meant."""
    value = item["input"]
    if item["type"] == "literal_error" and isinstance(value, str):
        guess = nearest(value, re.findall(r"'([^']*)'", item["ctx"]["expected"]))
        return f"did you mean {guess!r}?" if guess else None
    if item["type"] == "string_type" and isinstance(value, int | float):
        budget = f'write "{value} epochs" or "{value} steps"'
        return budget if item["loc"][-1:] == ("train_for",) else f'put it in quotes: "{value}"'
    if item["type"] in ("tuple_type", "list_type") and isinstance(value, str | int | float):
        return f"write a list of one: [{value}]"
    number = isinstance(value, str) and _NUMBER.fullmatch(value)
    if number and item["type"] in ("float_type", "int_type"):
        return "write it without quotes, with digits and a point alone: 1024, 0.5, 1e-3"
    return None


def _change(keys: Iterable[str]) -> str | None:
    names = list(keys)
    if len(names) < 2:
        return f"change or remove {names[0]}" if names else None
    return f"change one of them: {', '.join(names)}"


def _fields_at(model: type[Strict], loc: Iterable[object]) -> list[str]:
    """The keys that the config model allows at a place inside it."""
    here: Any = model
    for part in loc:
        fields = getattr(here, "model_fields", None)
        here = fields[str(part)].annotation if fields else get_args(here)[-1]
        if get_origin(here) in (Union, UnionType):
            here = next(a for a in get_args(here) if a is not type(None))
    return sorted(getattr(here, "model_fields", ()))
