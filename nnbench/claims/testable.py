"""What a claim needs of the machine that it is measured on; without it there is no verdict."""

from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import Field, model_validator

from nnbench.schema import Strict


class Needs(Strict):
    """The least that can decide a claim."""

    cores: Annotated[int, Field(ge=1)] | None = None
    memory_gb: Annotated[float, Field(gt=0.0)] | None = None
    gpu: bool = False

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.cores or self.memory_gb or self.gpu):
            raise ValueError("should name what it takes: cores: 4, memory_gb: 16 or gpu: true")
        return self

    def lacking(self, *, cores: int, memory_gb: float | None, device: str) -> Iterator[str]:
        """What a machine lacks, as in ``4 cores (2 there)``; memory that is not known suffices."""
        if self.cores and cores < self.cores:
            yield f"{self.cores} cores ({cores} there)"
        if self.memory_gb and memory_gb is not None and memory_gb < self.memory_gb:
            yield f"{self.memory_gb:g} GB of memory ({memory_gb:.3g} there)"
        if self.gpu and device.startswith("cpu"):
            yield "a GPU (none was used)"
