"""How things are computed, which changes nothing of what comes out."""

from typing import Annotated, Literal

from pydantic import Field

from tokenmill.core.settings import Count, Settings


class RuntimeSettings(Settings):
    """How things are computed. No stage depends on these; they do not change what comes out."""

    threads: Annotated[int, Field(ge=0, le=1024)] = 0
    """Compute threads; 0 means one for each core. No machine has more than 1,024 yet."""
    workers: Annotated[int, Field(ge=0, le=1024)] = 0
    """Processes that measure documents; 0 means one for each core."""
    dask: str | None = None
    """Address of a Dask scheduler whose workers measure documents instead."""
    devices: Annotated[int, Field(ge=1, le=1024)] = 1
    """Processes that train together on one machine, each on a GPU of its own, or on cores of its own."""
    nodes: Annotated[int, Field(ge=1, le=65_536)] = 1
    """Machines that train together; docs/scaling.md says how to start them."""
    strategy: Literal["ddp", "fsdp"] = "ddp"
    """What processes share: the rows of a batch (ddp), or also weights and optimizer state (fsdp), for models
    that one GPU cannot hold."""
    micro_batch: Annotated[int, Field(ge=0, le=2**20)] = 0
    """Rows of a batch that a process computes at a time; 0 means all of its own. Less takes less memory."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """What products of a training are computed in; auto follows the kind of processor. Weights and the
    optimizer's state are float32 in any case."""
    checkpoint_every_seconds: Annotated[float, Field(gt=0, le=86_400)] = 30.0
    """What a kill costs at most: a day."""
    log_every_steps: Count = 10
    experiment: Annotated[str, Field(min_length=1, max_length=200)] = "tokenmill"
    """Name of the project's experiment in MLflow; projects that share a server need different ones."""

    @property
    def shards(self) -> int:
        """Processes over which the weights of a model are shared out."""
        return self.devices * self.nodes if self.strategy == "fsdp" else 1
