"""The table ``ZOO`` of ``nnbench/models/costs.py``, counted by PyTorch's own FlopCounterMode.

    python benchmarks/model_costs.py

prints the table's lines. The counter runs on tensors without content, so this takes seconds. A test holds
the table to it.
"""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from nnbench.models.base import ModelSpec
from nnbench.models.costs import ZooCost
from nnbench.models.facts import SMALLEST_SIDE
from nnbench.registry import MODELS, load

OUTPUTS = 10  # of the network that is counted; its output layer is taken off again


def counted(model: str) -> ZooCost:
    """Count one network at the side of the images that it was made for."""
    side = 299 if model == "inception_v3" else 224  # as in the papers
    with torch.device("meta"):
        network = _network(model, side).eval()
        with FlopCounterMode(display=False) as counter:
            network(torch.empty(1, 3, side, side))
    flops = {str(operation): n for operation, n in counter.get_flop_counts()["Global"].items()}
    macs = {name: count // 2 for name, count in flops.items()}
    last = [layer for layer in network.modules() if isinstance(layer, torch.nn.Linear)][-1]
    output = last.in_features * OUTPUTS
    return ZooCost(
        side=side,
        convolutions=macs.pop("aten.convolution"),
        dense=sum(macs.values()) - output,
        features=last.in_features,
        parameters=sum(p.numel() for p in network.parameters()) - output - OUTPUTS,
    )


def _network(model: str, side: int) -> torch.nn.Module:
    spec = ModelSpec(
        input_shape=(3, side, side),
        classes=OUTPUTS,
        hidden=(),
        activation=torch.nn.ReLU,
        dropout=0.0,
        init="glorot",
    )
    network: torch.nn.Module = load("model", model, MODELS)(spec, torch.Generator())
    return network


if __name__ == "__main__":
    for name in SMALLEST_SIDE:
        cost = counted(name)
        print(f'    "{name}": {cost!r},')
