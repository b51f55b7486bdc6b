"""``tokenmill plan``: what pretraining will take, before it begins."""

import sys
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from tokenmill.core.errors import UserError
from tokenmill.core.threads import compute_threads
from tokenmill.pretraining import plan
from tokenmill.pretraining.flops import training_flops
from tokenmill.pretraining.pretrain import VALIDATIONS
from tokenmill.pretraining.setup import set_up
from tokenmill.text.shards import SAMPLE_TOKENS
from tokenmill.training.precision import chosen_precision
from tokenmill.training.runtime import Runtime

WIDTH = 160
"""Columns where the output is no terminal."""


def show(root: Path, model: str | None) -> None:
    """Print parameters, tokens, operations, memory and time of each pretraining, or of one.

    Raises:
        UserError: there are no shards, no such model, or not enough memory for one.
    """
    from stages.params import load_params

    params = load_params(root / "params.yaml")
    if model is not None and model not in params.pretrain:
        raise UserError(
            f"{model}: not under pretrain in params.yaml; give one of {', '.join(params.pretrain)}"
        )
    runtime = Runtime.of(params.runtime.model_dump())
    torch.set_num_threads(runtime.threads or max(1, compute_threads(0) // runtime.devices))
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("model", no_wrap=True)
    columns = ("parameters", "tokens", "epochs", "steps x rows", "rate", "PFLOPs", "memory a process", "time")
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    for name in [model] if model else params.pretrain:
        settings = params.pretrain[name]
        run = set_up(name, settings, root / "data/tokens" / settings.tokenizer, project=root)
        budget, row = run.budget, run.objective.row_shape(run.config.context)
        rows = run.rows_at_once(runtime)
        need = plan.check_memory(
            run.config,
            row,
            rows,
            batch_rows=budget.batch_rows,
            processes=runtime.devices,
            shards=params.runtime.shards,
            name=name,
        )
        flops = training_flops(
            run.config, positions=row.positions, source=row.source, predicted=row.predicted
        )
        own = -(-budget.batch_rows // runtime.processes)
        step = plan.measured_step(run.config, row, rows, -(-own // rows), chosen_precision(runtime.precision))
        # Every process validates by itself, forward only: a third of training's arithmetic.
        own_tokens = own * budget.tokens / (budget.steps * budget.batch_rows)
        validated = VALIDATIONS * SAMPLE_TOKENS + run.validation_tokens
        seconds = step * (budget.steps + validated / own_tokens / 3)
        table.add_row(
            name,
            f"{sum(plan.parameters(run.config)):,}",
            f"{budget.tokens:,}",
            f"{budget.tokens / run.training_tokens:.2f}",
            f"{budget.steps:,} x {budget.batch_rows}",
            f"{budget.learning_rate:.4f}",
            f"{flops * budget.steps * budget.batch_rows / 1e15:,.2f}",
            f"{need.total / 2**30:.2f} GiB",
            duration(seconds),
        )
    Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH).print(table)


def duration(seconds: float) -> str:
    """``45 s``, ``12 min``, ``3.5 h``, ``20 days``."""
    for size, unit, digits in ((86400 * 2, "days", 0), (7200, "h", 1), (120, "min", 0)):
        if seconds >= size:
            return f"{seconds / {'days': 86400, 'h': 3600, 'min': 60}[unit]:,.{digits}f} {unit}"
    return f"{seconds:.0f} s"
