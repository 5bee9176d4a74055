"""Names that a config may use, each loaded only when a job needs it.

A name stands for ``"module:object"``. A user's own part needs no entry here: wherever a name is
allowed, ``my_package.my_module:my_object`` is allowed too. Planning reads the names of this file
without importing torch.
"""

import importlib
import inspect
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nnbench.errors import NnbenchError, unknown_name

DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d{1,2})?")  # what a config may call one

DATASETS: Mapping[str, str] = {
    "mnist5k": "nnbench.datasets.mnist5k:DATASET",
    "digits": "nnbench.datasets.digits:DATASET",
    "mnist1d": "nnbench.datasets.mnist1d:DATASET",
    "coin_flip": "nnbench.datasets.coin_flip:DATASET",
    "mnist": "nnbench.datasets.mnist:MNIST",
    "fashion_mnist": "nnbench.datasets.mnist:FASHION_MNIST",
    "cifar10": "nnbench.datasets.cifar:CIFAR10",
    "cifar100": "nnbench.datasets.cifar:CIFAR100",
    "cifar_everyday": "nnbench.datasets.cifar:EVERYDAY",
    "wine": "nnbench.datasets.tables:WINE",
    "breast_cancer": "nnbench.datasets.tables:BREAST_CANCER",
    "diabetes": "nnbench.datasets.tables:DIABETES",
    "letter": "nnbench.datasets.embedded:LETTER",
    "satimage": "nnbench.datasets.embedded:SATIMAGE",
    "penbased": "nnbench.datasets.embedded:PENBASED",
    "optdigits": "nnbench.datasets.embedded:OPTDIGITS",
    "magic": "nnbench.datasets.embedded:MAGIC",
    "spambase": "nnbench.datasets.embedded:SPAMBASE",
    "segment": "nnbench.datasets.embedded:SEGMENT",
    "concrete": "nnbench.datasets.embedded:CONCRETE",
    "diamonds": "nnbench.datasets.embedded:DIAMONDS",
    "waveform": "nnbench.datasets.waveform:DATASET",
    "friedman1": "nnbench.datasets.friedman:DATASET",
    "xor": "nnbench.datasets.xor:DATASET",
    "random_inputs": "nnbench.datasets.coin_flip:RANDOM_INPUTS",
}

MODELS: Mapping[str, str] = {
    "cnn": "nnbench.models.cnn:build",
    "lstm": "nnbench.models.rnn:lstm",
    "gru": "nnbench.models.rnn:gru",
    "elman": "nnbench.models.rnn:elman",
    "resnet50": "nnbench.models.zoo:resnet50",
    "vgg16": "nnbench.models.zoo:vgg16",
    "alexnet": "nnbench.models.zoo:alexnet",
    "inception_v3": "nnbench.models.zoo:inception_v3",
    "mobilenet_v2": "nnbench.models.zoo:mobilenet_v2",
    "mlp": "nnbench.models.mlp:build",
}

EXPERIMENTS: Mapping[str, str] = {
    "training": "nnbench.experiments.training.declared:TRAINING",
    "inference_speed": "nnbench.experiments.speed.declared:INFERENCE",
    "training_speed": "nnbench.experiments.speed.declared:TRAINING",
    "frameworks": "nnbench.experiments.frameworks.declared:FRAMEWORKS",
    "step_time": "nnbench.experiments.steps.declared:STEPS",
    "starts": "nnbench.experiments.starts.declared:STARTS",
    "parallel": "nnbench.experiments.parallel.declared:PARALLEL",
}

ACTIVATIONS: Mapping[str, str] = {
    "relu": "torch.nn:ReLU",
    "sigmoid": "torch.nn:Sigmoid",
    "tanh": "torch.nn:Tanh",
    "leaky_relu": "torch.nn:LeakyReLU",
    "elu": "torch.nn:ELU",
    "gelu": "torch.nn:GELU",
    "silu": "torch.nn:SiLU",
}

OPTIMIZERS: Mapping[str, str] = {
    "adam": "nnbench.engine.optim:adam",
    "sgd": "nnbench.engine.optim:sgd",
    "rmsprop": "nnbench.engine.optim:rmsprop",
}

OWN_DATA = "nnbench.datasets.own.description:dataset_at"
"""Makes a dataset of the path of a YAML file that describes a user's own data."""
PREPARED = "nnbench.datasets.prepared.source:dataset_in"
"""Makes a dataset of the path of the manifest of its prepared files: how jobs name fixed data."""
_OWN = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def is_data_file(name: str) -> bool:
    """Whether a dataset's name is the path of a YAML file that describes it."""
    return name.endswith((".yaml", ".yml"))


def is_own(text: str) -> bool:
    """Whether a text has the form ``module:object``."""
    return _OWN.fullmatch(text) is not None


def check_name(where: str, name: str, known: Mapping[str, str]) -> str:
    """Return ``name`` if it is registered, a ``module:object``, or for datasets a YAML file's path.

    Raises NnbenchError, with the nearest registered name.
    """
    if name not in known and not is_own(name) and not _is_path(name, known):
        raise unknown_name(where, name, known)
    return name


def target(name: str, known: Mapping[str, str]) -> str:
    """The ``module:object`` that a name stands for."""
    if _is_prepared(name, known):
        return PREPARED
    return OWN_DATA if _is_path(name, known) else known.get(name, name)


def _is_path(name: str, known: Mapping[str, str]) -> bool:
    return known is DATASETS and is_data_file(name)


def _is_prepared(name: str, known: Mapping[str, str]) -> bool:
    return known is DATASETS and Path(name).name == "manifest.json"


def load(where: str, name: str, known: Mapping[str, str]) -> Any:
    """Import the object that a name stands for; for a path, make the dataset that it describes.

    For datasets it may also be the manifest of prepared files, which no config may name.

    Raises NnbenchError if the name is unknown, its module or object cannot be imported, or the data are
    not what their YAML file says.
    """
    prepared = _is_prepared(name, known)
    if not prepared:
        check_name(where, name, known)
    module_name, _, attribute = target(name, known).partition(":")
    try:
        found = getattr(importlib.import_module(module_name), attribute)
    except (Exception, SystemExit) as error:  # a user's module may raise any
        why = error if isinstance(error, ImportError | AttributeError) else _named(error)
        raise NnbenchError(
            f"{where}: {name!r} cannot be imported ({why})",
            todo=f"check that module {module_name!r} is importable and has {attribute!r}",
        ) from error
    if known is MODELS and name not in known:
        return _as_builder(found)
    return found(Path(name)) if prepared or _is_path(name, known) else found


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _as_builder(found: Any) -> Any:
    """A model's builder; a class or a torchvision function that needs no argument becomes one.

    It is called with ``weights=None`` and the number of classes, if it takes these by name, unless it takes
    the specification and the generator as every builder does. This module is part of no cell's id: to call it
    otherwise would need another name for it.
    """
    takes = _optional_arguments(found)
    if takes is None:
        return found
    weights = {"weights": None} if "weights" in takes else {}

    def plainly(spec: Any, _: object) -> Any:
        classes = {"num_classes": spec.classes} if "num_classes" in takes or weights else {}
        return found(**weights, **classes)

    def build(spec: Any, generator: Any) -> Any:
        try:
            return found(spec, generator)
        except TypeError:
            return plainly(spec, generator)

    return build if isinstance(found, type) else plainly


def _optional_arguments(found: Any) -> set[str] | None:
    """The names of what may be given; None if something must be, or it is no class and knows no weights."""
    try:
        arguments = inspect.signature(found).parameters
    except (TypeError, ValueError):
        return None
    needed = [a for a in arguments.values() if a.kind != a.VAR_KEYWORD and a.default is a.empty]
    plain = isinstance(found, type) or "weights" in arguments
    return None if needed or not plain or "spec" in arguments else set(arguments)
