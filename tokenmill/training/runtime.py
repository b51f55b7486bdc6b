"""How to compute a training."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, Self


@dataclass(frozen=True)
class Runtime:
    """The part of ``runtime`` in params.yaml that a training takes."""

    threads: int = 0
    """Compute threads; 0: one for each core."""
    checkpoint_every_seconds: float = 30.0
    log_every_steps: int = 10
    devices: int = 1
    nodes: int = 1
    micro_batch: int = 0
    """Rows that a process computes at a time; 0: all of its own."""
    strategy: Literal["ddp", "fsdp"] = "ddp"
    precision: Literal["auto", "float32", "bfloat16"] = "float32"
    """What products are computed in; auto: by the kind of processor (precision.py)."""

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """That part of the settings."""
        return cls(**{field.name: settings[field.name] for field in fields(cls)})

    @property
    def processes(self) -> int:
        """Processes that train together."""
        return self.devices * self.nodes

    @property
    def sharded(self) -> bool:
        """Whether weights are shared out: FSDP with one process would share nothing."""
        return self.strategy == "fsdp" and self.processes > 1
