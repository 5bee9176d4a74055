"""PyTorch: the eager loop of its tutorials, over a ``DataLoader`` or over slices of tensors.

A ``DataLoader`` fetches and stacks single samples; where all data are in one tensor, slices of it give the
same batches without that work. Both styles are common, and they differ by more than frameworks do, so both
can be measured.
"""

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from nnbench.engine.device import synchronise
from nnbench.experiments.frameworks.problem import (
    ADAM_EPSILON,
    Array,
    Outcome,
    Problem,
    layers_of,
    timed,
)

Batches = Iterable[tuple[Tensor, Tensor]]
# the first optimiser loads PyTorch's compiler: a second's work, done while the process gets ready
torch.optim.Adam([torch.zeros(1)])


def train(problem: Problem) -> Outcome:
    """Train over a ``DataLoader`` without worker processes (its default)."""
    data = TensorDataset(torch.from_numpy(problem.inputs), torch.from_numpy(problem.labels))
    loader = DataLoader(data, batch_size=problem.batch_size)
    return _trained(problem, lambda: loader)


def train_on_slices(problem: Problem) -> Outcome:
    """Train over slices of tensors on the device."""
    inputs = torch.from_numpy(problem.inputs).to(problem.device)
    labels = torch.from_numpy(problem.labels).to(problem.device)
    return _trained(problem, lambda: ((inputs[rows], labels[rows]) for rows in problem.batches()))


def _trained(problem: Problem, batches: Callable[[], Batches]) -> Outcome:
    torch.set_num_threads(problem.threads)
    device = torch.device(problem.device)
    model = _network(problem).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=problem.learning_rate, eps=ADAM_EPSILON)
    criterion = nn.CrossEntropyLoss()

    def epochs() -> Iterator[float]:
        while True:
            total = torch.zeros((), device=device)
            for batch_inputs, batch_labels in batches():
                inputs, labels = batch_inputs.to(device), batch_labels.to(device)
                optimizer.zero_grad()
                loss = criterion(model(inputs), labels)
                loss.backward()
                optimizer.step()
                total += loss.detach() * len(labels)
            yield total.item()  # waits for the device

    @torch.no_grad()
    def test_logits() -> Array:
        logits: Tensor = model(torch.from_numpy(problem.test_inputs).to(device))
        return logits.cpu().numpy()

    synchronise(device)
    return timed(problem, epochs(), test_logits, {"torch": torch.__version__})


def _network(problem: Problem) -> nn.Module:
    layers: list[nn.Module] = []
    for kernel, bias in layers_of(problem.weights):
        dense = nn.Linear(*kernel.shape)
        dense.load_state_dict(
            {"weight": torch.from_numpy(kernel.T), "bias": torch.from_numpy(bias)}
        )
        layers += [dense, nn.ReLU()]
    return nn.Sequential(*layers[:-1])
