"""Tables inside nnbench itself, in ``datasets/files``: read without a network, and verified by checksum."""

import io
import lzma
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nnbench.datasets.base import LABEL_TYPES, Arrays, Pools, Rows, Task, take
from nnbench.datasets.prepared.files import sha256
from nnbench.datasets.splits import stratified_share
from nnbench.errors import NnbenchError

FILES = Path(__file__).parent.parent / "files"
TEST_SHARE = 0.2
SPLIT_SEED = 20_261_129


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """One table: a line is a sample, its features and then its class (from 0) or target."""

    name: str  # in the registry, and of the file ``<name>.csv.xz``
    sha256: str  # of the file
    task: Task = "classification"
    given_test: int = 0  # samples at the end that the source keeps for the test; 0 if it keeps none

    def load(self, _data_folder: Path | None, _may_download: bool) -> Pools:
        """The pool and the test set, float32 ``(N, features)``: the source's own, or 20 % of each class.

        For regression the test set gets two of every ten samples adjacent in target order. Errors as in
        ``read``.
        """
        arrays = self.read()
        if not self.given_test:
            return stratified_share(arrays, test_share=TEST_SHARE, seed=SPLIT_SEED)
        order = np.arange(len(arrays))
        return Pools(
            trainval=take(arrays, order[: -self.given_test]),
            test=take(arrays, order[-self.given_test :]),
        )

    def read(self) -> Arrays:
        """The samples in their source's order, without those whose features repeat an earlier one's.

        Otherwise a test sample could have been trained on. Raises NnbenchError if the file is missing, or
        is not the one that was checked.
        """
        table = np.loadtxt(io.BytesIO(self._content()), delimiter=",")
        inputs = table[:, :-1].astype(np.float32)
        labels = table[:, -1].astype(LABEL_TYPES[self.task])
        return take(Arrays(inputs=inputs, labels=labels), first_of_equal(inputs))

    def _content(self) -> bytes:
        path = FILES / f"{self.name}.csv.xz"
        try:
            packed = path.read_bytes()
        except OSError as error:
            raise self._refused(f"{path} cannot be read", got=error) from error
        if (digest := sha256(packed)) != self.sha256:
            raise self._refused(f"{path} is not the one that was checked", got=f"sha256 {digest}")
        return lzma.decompress(packed)

    def _refused(self, what: str, *, got: object) -> NnbenchError:
        return NnbenchError(
            f"dataset {self.name!r}: nnbench's file {what}",
            got=got,
            allowed=f"sha256 {self.sha256}",
            todo="restore the file (git checkout), or install nnbench again from its sources",
        )


def first_of_equal(inputs: np.ndarray) -> Rows:
    """Ascending rows of the samples that equal no earlier one."""
    first: Rows = np.unique(inputs, axis=0, return_index=True)[1]
    return np.sort(first)
