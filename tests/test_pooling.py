"""Max pooling in the vectorised kernel: the same bits as PyTorch's own layers."""

import copy

import pytest
import torch
from torch import nn

from nnbench.engine.pooling import QuickMaxPool1d, QuickMaxPool2d, pool_quickly
from nnbench.engine.seeding import generators
from nnbench.engine.stacking import Replicates

LAYERS = {
    "halving": (nn.MaxPool2d(2), (3, 4, 8, 6)),
    "overlapping and padded": (nn.MaxPool2d(3, stride=2, padding=1), (2, 5, 7, 9)),
    "dilated, rounded up": (nn.MaxPool2d((2, 3), dilation=(1, 2), ceil_mode=True), (2, 3, 9, 9)),
    "one image without a batch": (nn.MaxPool2d(2), (3, 8, 8)),
    "signals": (nn.MaxPool1d(2), (3, 4, 10)),
    "signals, overlapping": (nn.MaxPool1d(3, stride=2, padding=1), (3, 4, 11)),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("values", ["distinct", "tied", "with NaN"])
def test_outputs_and_gradients_equal_pytorchs_to_the_bit(name: str, values: str):
    usual, shape = LAYERS[name]
    quick = copy.deepcopy(usual)
    pool_quickly(quick)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    if values == "tied":
        x = x.round()
    if values == "with NaN":
        x.view(-1)[::7] = torch.nan

    (ours, our_gradient), (theirs, their_gradient) = _pooled(quick, x), _pooled(usual, x)

    torch.testing.assert_close(ours, theirs, rtol=0, atol=0, equal_nan=True)
    assert torch.equal(our_gradient, their_gradient)


def _pooled(layer: nn.Module, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    x = x.clone().requires_grad_()
    out = layer(x)
    out.backward(torch.arange(1.0, out.numel() + 1).view(out.shape))
    return out.detach(), x.grad


@pytest.mark.parametrize("side", [8, 28])
def test_replicates_of_a_convolutional_network_pool_in_the_vectorised_kernel(side: int):
    def network() -> nn.Module:
        return nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.Flatten(), nn.LazyLinear(2))

    modules = [network() for _ in range(2)]
    for module in modules:
        module(torch.zeros(1, 1, side, side))
    model = Replicates(modules, generators((0, 1), "dropout"), input_shape=(1, side, side))

    pools = [module for module in model.modules() if isinstance(module, nn.MaxPool2d)]
    assert pools
    assert all(type(pool) is QuickMaxPool2d for pool in pools)


def test_a_layer_that_also_returns_where_its_maxima_were_stays_pytorchs():
    layers = nn.Sequential(nn.MaxPool2d(2, return_indices=True), nn.MaxPool1d(2))
    pool_quickly(layers)
    assert type(layers[0]) is nn.MaxPool2d
    assert type(layers[1]) is QuickMaxPool1d
