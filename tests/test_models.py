"""Every registered model: what it computes, how it starts, and that replicates never mix."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from small_models import CLASSES, COLOURS, FUSED, IMAGE, SIGNAL, SMALL, made
from tiny_training import CPU, settings_of
from torch import Tensor, nn

from nnbench.engine.seeding import generator, generators
from nnbench.engine.stacking import Replicates
from nnbench.models.base import Recurrent, SkipBlock, Steps
from nnbench.settings import Settings

SEEDS = (0, 3, 7)
BATCH = 6
every_small = pytest.mark.parametrize("case", SMALL)
every_shape = pytest.mark.parametrize("shape", [IMAGE, COLOURS, SIGNAL], ids=str)


pytestmark = pytest.mark.usefixtures("on_one_thread")


def inputs_of(shape: tuple[int, ...], *, count: int = BATCH) -> Tensor:
    draw = torch.Generator().manual_seed(1)
    return torch.randn(len(SEEDS), count, *shape, generator=draw)


def replicates(modules: list[nn.Module], shape: tuple[int, ...]) -> Replicates:
    return Replicates(modules, generators(SEEDS, "dropout"), input_shape=shape)


def gradients_as_weights(modules: list[nn.Module]) -> list[nn.Module]:
    copies = copy.deepcopy(modules)
    for module, own in zip(modules, copies, strict=True):
        for parameter, target in zip(module.parameters(), own.parameters(), strict=True):
            target.data = parameter.grad.clone()
    return copies


@every_shape
@every_small
@pytest.mark.parametrize("code", ["here", None])
def test_replicates_compute_what_separate_models_compute(
    code: object, case: str, shape, monkeypatch
) -> None:
    monkeypatch.setattr("nnbench.engine.stacking.native", lambda: code)
    modules = [made(case, shape, seed) for seed in SEEDS]
    separate = [copy.deepcopy(module) for module in modules]
    for module in separate:
        for part in module.modules():
            if isinstance(part, nn.Dropout):
                part.p = 0.0
    model = replicates(copy.deepcopy(separate), shape)
    assert model.stacked == (case not in FUSED or code is not None)
    inputs = inputs_of(shape)
    outputs = model(inputs)
    alone = torch.stack([m(x) for m, x in zip(separate, inputs, strict=True)])
    assert outputs.shape == (len(SEEDS), BATCH, CLASSES)
    torch.testing.assert_close(outputs, alone, rtol=1e-5, atol=1e-5)
    for result in (outputs, alone):
        result.square().sum().backward()
    wanted = replicates(gradients_as_weights(separate), shape)
    for got, want in zip(model.parameters(), wanted.parameters(), strict=True):
        torch.testing.assert_close(got.grad, want.data, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("case", ["cnn", "mlp with both", "two gru"])
def test_dropout_is_the_same_in_both_forms(case: str) -> None:
    class Hidden(nn.Module):  # the same network behind a class that cannot be stacked
        def __init__(self, body: nn.Module) -> None:
            super().__init__()
            self.body = body

        def forward(self, x: Tensor) -> Tensor:
            return self.body(x)

    modules = [made(case, IMAGE, seed) for seed in SEEDS]
    stacked = replicates(copy.deepcopy(modules), IMAGE)
    one_by_one = replicates([Hidden(m) for m in modules], IMAGE)
    assert (stacked.stacked, one_by_one.stacked) == (True, False)
    inputs = inputs_of(IMAGE)
    first, second = stacked(inputs), stacked(inputs)
    assert not torch.equal(first, second)
    for outputs in (first, second):
        torch.testing.assert_close(one_by_one(inputs), outputs, rtol=1e-5, atol=1e-5)


@every_small
def test_each_seed_has_weights_of_its_own_and_always_the_same(case: str) -> None:
    first, again, other = (made(case, SIGNAL, seed) for seed in (0, 0, 1))
    pairs = list(zip(first.parameters(), again.parameters(), other.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b, _ in pairs)
    assert all(not torch.equal(a, c) for a, _, c in pairs if a.ndim > 1)


@every_small
def test_no_draw_of_a_small_model_depends_on_the_global_random_state(case: str) -> None:
    weights = []
    for state in (1, 2):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(state)
            weights.append([p.detach() for p in made(case, SIGNAL, 0).parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*weights, strict=True))


def test_the_plain_mlp_is_dense_layers_and_activations_drawn_in_this_order() -> None:
    model = made("mlp", SIGNAL, 5)
    kinds = [nn.Flatten, nn.Linear, nn.ReLU, nn.Linear, nn.ReLU, nn.Linear]
    assert [type(part) for part in model] == kinds
    draw = generator(5, "init")
    for part, (inputs, outputs) in zip(model[1::2], [(13, 6), (6, 5), (5, 3)], strict=True):
        limit = math.sqrt(6 / (inputs + outputs))  # Glorot & Bengio (2010)
        wanted = torch.empty(outputs, inputs).uniform_(-limit, limit, generator=draw)
        torch.testing.assert_close(part.weight.detach(), wanted)
        assert not part.bias.any()


def test_norm_comes_before_the_activation_and_changes_no_draw() -> None:
    model = made("mlp with norm", SIGNAL, 0)
    kinds = [nn.Linear, nn.BatchNorm1d, nn.ReLU]
    assert [type(part) for part in model] == [nn.Flatten, *kinds, *kinds, nn.Linear]
    plain = made(settings_of(hidden=[6, 6]), SIGNAL, 0)
    for own, other in zip(
        [p for p in model if isinstance(p, nn.Linear)],
        [p for p in plain if isinstance(p, nn.Linear)],
        strict=True,
    ):
        assert torch.equal(own.weight, other.weight)


def test_the_identity_goes_around_later_layers_of_equal_width() -> None:
    model = made("mlp with skip", SIGNAL, 0)  # 13 -> 6 -> 6 -> 5 -> 3
    kinds = [nn.Flatten, nn.Linear, nn.ReLU, SkipBlock, nn.Linear, nn.ReLU, nn.Linear]
    assert [type(part) for part in model] == kinds
    x = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    dense = model[3].body[0]
    wanted = x + torch.relu(x @ dense.weight.T + dense.bias)
    torch.testing.assert_close(model[3](x), wanted)


def test_the_first_layer_has_no_identity_even_where_inputs_are_as_wide() -> None:
    settings = settings_of(hidden=[13, 13], model_options={"skip": True})
    model = made(settings, SIGNAL, 0)
    assert [type(part) for part in model] == [nn.Flatten, nn.Linear, nn.ReLU, SkipBlock, nn.Linear]


@pytest.mark.parametrize("shape", [IMAGE, SIGNAL], ids=str)
def test_convolutions_start_as_in_keras_and_double_their_channels(shape) -> None:
    settings = settings_of(model="cnn", hidden=[7], model_options={"width": 32, "blocks": 2})
    model = made(settings, shape, 0)
    convolutions = [p for p in model if isinstance(p, nn.Conv1d | nn.Conv2d)]
    taps = 3 ** (len(shape) - 1) if len(shape) == 3 else 3
    for layer, (inputs, outputs) in zip(convolutions, [(1, 32), (32, 64)], strict=True):
        limit = math.sqrt(6 / (taps * (inputs + outputs)))  # Keras' fans include the kernel
        assert layer.weight.shape[:2] == (outputs, inputs)
        assert limit * 0.95 < layer.weight.abs().max() <= limit
        assert not layer.bias.any()
    maps = 64 * math.prod(side // 4 for side in shape[-2:])
    assert [p.in_features for p in model if isinstance(p, nn.Linear)] == [maps, 7]


def test_recurrent_layers_start_as_in_keras() -> None:
    settings = settings_of(model="lstm", hidden=[20])
    rnn = made(settings, IMAGE, 0)[1].rnn
    limit = math.sqrt(6 / (8 + 4 * 20))
    assert limit * 0.95 < rnn.weight_ih_l0.abs().max() <= limit
    torch.testing.assert_close(rnn.weight_hh_l0.T @ rnn.weight_hh_l0, torch.eye(20))
    forget = torch.zeros(4, 20)
    forget[1] = 1.0
    assert torch.equal(rnn.bias_ih_l0.view(4, 20), forget)
    assert not rnn.bias_hh_l0.any()
    gru = made(settings_of(model="gru", hidden=[20]), IMAGE, 0)[1].rnn
    torch.testing.assert_close(gru.weight_hh_l0.T @ gru.weight_hh_l0, torch.eye(20))
    assert not gru.bias_ih_l0.any()


def test_zeros_make_every_kernel_zero() -> None:
    for model in ("mlp", "cnn", "lstm", "gru", "elman"):
        network = made(settings_of(model=model, hidden=[4], init="zeros"), SIGNAL, 0)
        assert not any(p.any() for n, p in network.named_parameters() if "weight" in n)


def test_normal_weights_have_a_variance_of_one_whatever_the_number_of_inputs() -> None:
    for width in (10, 1000):
        network = made(settings_of(hidden=[width, 50], init="normal"), SIGNAL, 0)
        named = network.named_parameters()
        weights = torch.cat([p.detach().flatten() for n, p in named if "weight" in n])
        assert weights.std() == pytest.approx(1.0, abs=0.1)
        assert weights.mean() == pytest.approx(0.0, abs=0.1)
        assert not any(p.any() for n, p in network.named_parameters() if "bias" in n)


def test_the_lstm_computes_the_equations_of_hochreiter_and_schmidhuber() -> None:
    layer = Recurrent(nn.LSTM, (2, 3), last=True)
    layer.initialise(how="glorot", generator=generator(0, "init"))
    p = dict(layer.rnn.named_parameters())
    x = inputs_of((4, 2))[0]
    state = cell = torch.zeros(BATCH, 3)
    for step in x.unbind(1):
        sums = step @ p["weight_ih_l0"].T + state @ p["weight_hh_l0"].T + p["bias_ih_l0"]
        write, forget, new, read = sums.chunk(4, dim=1)
        cell = forget.sigmoid() * cell + write.sigmoid() * new.tanh()
        state = read.sigmoid() * cell.tanh()
    torch.testing.assert_close(layer(x), state)


def test_an_image_is_read_row_by_row_with_all_channels_of_a_row() -> None:
    image = torch.arange(2 * 3 * 4.0).view(1, 2, 3, 4)
    steps = Steps()(image)
    assert steps.shape == (1, 3, 8)
    assert steps[0, 1].tolist() == [4, 5, 6, 7, 16, 17, 18, 19]
    assert Steps()(torch.arange(5.0).view(1, 5)).tolist() == [[[0], [1], [2], [3], [4]]]


def test_a_grey_image_is_one_of_three_equal_channels_and_can_be_enlarged() -> None:
    settings = Settings(model="mobilenet_v2", model_options={"resize": 32})
    grey, colour = made(settings, IMAGE, 0), made(settings, (3, 8, 8), 0)
    x = inputs_of(IMAGE)[0]
    before = torch.get_rng_state()
    out = grey.eval()(x)
    assert out.shape == (BATCH, CLASSES)
    assert torch.equal(out, colour.eval()(x.repeat(1, 3, 1, 1)))
    larger = nn.functional.interpolate(x, size=(32, 32), mode="bilinear")
    torch.testing.assert_close(out, grey[1](larger.repeat(1, 3, 1, 1)))
    assert torch.equal(torch.get_rng_state(), before)


def test_torchvision_draws_from_the_replicates_generator() -> None:
    settings = Settings(model="mobilenet_v2")
    before = torch.get_rng_state()
    first, again, other = (made(settings, IMAGE, seed)[1].classifier[1] for seed in (0, 0, 1))
    assert torch.equal(first.weight, again.weight)
    assert not torch.equal(first.weight, other.weight)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_network_of_torchvision_trains_as_replicates() -> None:
    modules = [made(Settings(model="mobilenet_v2"), IMAGE, seed).to(CPU) for seed in SEEDS]
    model = replicates(modules, IMAGE)
    assert not model.stacked
    outputs = model(inputs_of(IMAGE, count=2))
    assert outputs.shape == (len(SEEDS), 2, CLASSES)
    outputs.sum().backward()
    assert len(model.output_layer()) == 2 * len(SEEDS)
    assert all(p.grad is not None for p in model.output_layer())


def test_the_elman_network_computes_the_equation_of_elman() -> None:
    model = made(settings_of(model="elman", hidden=[3]), SIGNAL, 0)
    p = dict(model[1].rnn.named_parameters())
    x = inputs_of(SIGNAL)[0]
    state = torch.zeros(BATCH, 3)
    for value in x.unbind(1):
        sums = value[:, None] @ p["weight_ih_l0"].T + state @ p["weight_hh_l0"].T
        state = (sums + p["bias_ih_l0"] + p["bias_hh_l0"]).tanh()
    torch.testing.assert_close(model(x), model[-1](state))


def test_options_of_the_cnn_are_those_of_its_layers() -> None:
    options = {"width": 2, "blocks": 1, "kernel": 5, "pooling": "average", "dense_first": True}
    model = made(settings_of(model="cnn", hidden=[], model_options=options), IMAGE, 0)
    x = inputs_of(IMAGE)[0]
    first, convolution, last = model[1], model[4], model[-1]
    maps = torch.relu(x.flatten(1) @ first.weight.T + first.bias).view(x.shape)
    maps = nn.functional.conv2d(maps, convolution.weight, convolution.bias, padding=2).relu()
    mean = maps.unfold(2, 2, 2).unfold(3, 2, 2).mean(dim=(4, 5))  # by hand: 2 x 2 windows
    assert convolution.weight.shape == (2, 1, 5, 5)
    torch.testing.assert_close(model(x), last(mean.flatten(1)))
