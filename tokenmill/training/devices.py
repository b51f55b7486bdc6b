"""What Lightning's Trainer is told of accelerator, devices, nodes, strategy and precision."""

import os
from typing import Any

import torch
from pytorch_lightning.strategies import DDPStrategy

from tokenmill.core.errors import UserError
from tokenmill.core.threads import compute_threads
from tokenmill.training.precision import chosen_precision
from tokenmill.training.runtime import Runtime
from tokenmill.training.sharding import FullySharded

STARTERS = ("WORLD_SIZE", "SLURM_NTASKS", "NODE_RANK")
"""What torchrun, SLURM or a person sets in the environment of a process that is one of several machines'."""


def check_processes(runtime: Runtime) -> None:
    """Whether this process can be one of those that params ask for; before anything is computed.

    Raises:
        UserError: there are fewer devices than asked for, other processes were started than params say, or
            there are to be several machines, and nothing says where the others are.
    """
    there, what = torch.cuda.device_count(), "GPUs"
    if not there:
        there, what = compute_threads(0), "processor cores"
    if runtime.devices > there:
        raise UserError(
            f"params.yaml: runtime.devices is {runtime.devices}, but this machine has {there} {what}; "
            "lower it"
        )
    started = os.environ.get("WORLD_SIZE")
    if started is not None and started != str(runtime.processes):
        raise UserError(
            f"{started} processes were started, but params.yaml says runtime.devices {runtime.devices} x "
            f"runtime.nodes {runtime.nodes}; make them agree"
        )
    if runtime.nodes > 1 and not any(name in os.environ for name in STARTERS):
        raise UserError(
            f"params.yaml: runtime.nodes is {runtime.nodes}, but nothing tells this process of other "
            "machines; start it on each by torchrun or srun (docs/scaling.md), or set runtime.nodes to 1"
        )


def trainer_settings(runtime: Runtime) -> dict[str, Any]:
    """Keyword arguments of Lightning's Trainer.

    Raises:
        UserError: see :func:`check_processes`.
    """
    check_processes(runtime)
    if runtime.nodes > 1:
        place = ":".join(os.environ.get(name, "?") for name in ("MASTER_ADDR", "MASTER_PORT"))
        print(f"waiting for {runtime.processes} processes on {runtime.nodes} machines at {place}", flush=True)
    autocast = chosen_precision(runtime.precision) == "bfloat16"
    strategy: Any = "auto"
    if runtime.sharded:
        strategy, autocast = FullySharded(runtime.processes), False  # the pieces have a policy of their own
    elif runtime.processes > 1:
        strategy = DDPStrategy(gradient_as_bucket_view=True)
    return {
        "accelerator": "auto",
        "devices": runtime.devices,
        "num_nodes": runtime.nodes,
        "strategy": strategy,
        "precision": "bf16-mixed" if autocast else "32-true",
    }
