"""Muon for the matrices and AdamW for the rest, in one optimizer."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from tokenmill.training import parallel
from tokenmill.training.settings import OptimizerName

# Newton-Schulz coefficients of Jordan et al. 2024 (Muon): they make small singular values grow fast, and let
# the large ones settle between about 0.7 and 1.2, which is near enough to orthogonal.
A, B, C = 3.4445, -4.7750, 2.0315
NEWTON_SCHULZ_STEPS = 5

EMBEDDING_RATE = 0.5
"""AdamW's learning rate (embeddings, vectors, last layers) as a share of Muon's; see docs/experiments.md."""

NGRAM_RATE = 0.1
"""AdamW's learning rate of a classifier's n-grams: each is seen a few times only; see docs/experiments.md."""

PUBLISHED: dict[str, Any] = {"muon": False, "betas": (0.9, 0.999), "eps": 1e-8}
"""AdamW as published weights were trained and are fine-tuned with (Devlin et al. 2019, A.2)."""

HEAD_RATE = 0.005
"""AdamW's learning rate of a last layer that begins with zeros beside weights that others trained, whatever
theirs is: at their rate it would still be nearly zero after the usual number of steps; see
docs/experiments.md."""

WEIGHT_DECAY = 0.01
"""Of matrices, not of vectors: biases and gains (Devlin et al. 2019, A.2)."""

WINDOW_RATE, WINDOW_EPS = 0.05, 1e-4
"""AdamW's learning rate of a character classifier's windows, and its epsilon: what is seen rarely has small
gradients where it is right already, which are not to be made as large as others; see docs/experiments.md."""


def orthogonalise(matrices_MRC: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Replace each matrix's singular values by about 1, for a stack of matrices (M, rows, columns).

    Products are computed in ``dtype``; what comes out has the dtype of ``matrices``.
    """
    tall = matrices_MRC.shape[-2] > matrices_MRC.shape[-1]
    x = matrices_MRC.mT if tall else matrices_MRC
    x = (x / x.norm(dim=(-2, -1), keepdim=True).clamp_min(1e-7)).to(dtype)
    x = _iterate(x) if dtype == torch.bfloat16 else _iterate_gathered(x)
    return (x.mT if tall else x).to(matrices_MRC.dtype)


def _iterate(x: Tensor) -> Tensor:
    """Each iteration multiplies X by a polynomial in X X^T, as published; rounding errors do not add up."""
    for _ in range(NEWTON_SCHULZ_STEPS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=B, alpha=C), x, beta=A)
    return x


def _iterate_gathered(x: Tensor) -> Tensor:
    """The same; all these polynomials commute, so that they are gathered in square matrices and X is
    multiplied once at the end.

    For 256 x 1024 that takes 55% of the arithmetic, for a square matrix a little more than X at each step
    would. In bfloat16 it breaks (docs/experiments.md).
    """
    gram = x @ x.mT
    identity = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    product: Tensor | None = None
    for step in range(NEWTON_SCHULZ_STEPS):
        polynomial = A * identity + torch.baddbmm(gram, gram, gram, beta=B, alpha=C)
        product = polynomial if product is None else polynomial @ product
        if step < NEWTON_SCHULZ_STEPS - 1:
            gram = polynomial @ (polynomial @ gram)
    assert product is not None
    return product @ x


class MuonAdamW(torch.optim.Optimizer):
    """One optimizer with two kinds of parameter groups.

    A group with ``muon=True`` holds matrices and takes orthogonalised Nesterov momentum, scaled by
    ``sqrt(max(1, rows / columns))`` (Jordan et al. 2024); any other takes AdamW (Loshchilov & Hutter 2019),
    whose weight decay is 0 unless the group has one. Of weights that are shared out over processes each
    updates its rows.
    """

    def __init__(self, groups: Iterable[dict[str, Any]], *, dtype: torch.dtype = torch.float32) -> None:
        """``dtype``: what orthogonalising computes in; weights and state keep their own."""
        self.dtype = dtype
        defaults = {
            "muon": False,
            "lr": 1e-3,
            "momentum": 0.95,
            "betas": (0.9, 0.95),
            "eps": 1e-10,
            "weight_decay": 0.0,
        }
        super().__init__(groups, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            if params:
                (self._muon if group["muon"] else self._adamw)(params, group)
        return loss

    def _muon(self, params: list[Tensor], group: dict[str, Any]) -> None:
        momentum = group["momentum"]
        by_shape: dict[torch.Size, list[Tensor]] = {}
        for parameter in params:
            state = self.state[parameter]
            if not state:
                state["momentum"] = torch.zeros_like(parameter)
            parallel.local(state["momentum"]).lerp_(_gradient(parameter), 1 - momentum)
            by_shape.setdefault(parameter.shape, []).append(parameter)
        for shape, same in by_shape.items():  # equal shapes go through the iteration as one batch
            momenta = [parallel.local(self.state[p]["momentum"]) for p in same]
            pairs = zip(same, momenta, strict=True)
            update = torch.stack([_gradient(p).lerp(running, momentum) for p, running in pairs])
            if isinstance(same[0], DTensor):
                update = parallel.on_whole_matrices(self._orthogonalise, update, shape[0])
            else:
                update = self._orthogonalise(update)
            scale = group["lr"] * max(1.0, shape[0] / shape[1]) ** 0.5
            for parameter, delta in zip(same, update, strict=True):
                parallel.local(parameter).add_(delta, alpha=-scale)

    def _orthogonalise(self, matrices_MRC: Tensor) -> Tensor:
        return orthogonalise(matrices_MRC, self.dtype)

    def _adamw(self, params: list[Tensor], group: dict[str, Any]) -> None:
        beta1, beta2 = group["betas"]
        for parameter in params:
            state = self.state[parameter]
            if not state:
                state["step"] = 0
                state["mean"] = torch.zeros_like(parameter)
                state["square"] = torch.zeros_like(parameter)
            state["step"] += 1
            mean, square = parallel.local(state["mean"]), parallel.local(state["square"])
            mean.lerp_(_gradient(parameter), 1 - beta1)
            square.lerp_(_gradient(parameter).square(), 1 - beta2)
            step_size = group["lr"] / (1 - beta1 ** state["step"])
            if group["weight_decay"]:
                parallel.local(parameter).mul_(1 - group["lr"] * group["weight_decay"])
            denominator = (square.sqrt() / math.sqrt(1 - beta2 ** state["step"])).add_(group["eps"])
            parallel.local(parameter).addcdiv_(mean, denominator, value=-step_size)


def _gradient(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None
    return parallel.local(parameter.grad)


def parameter_groups(
    model: nn.Module, learning_rate: float, optimizer: OptimizerName = "muon"
) -> list[dict[str, Any]]:
    """Hidden matrices to Muon at ``learning_rate``; embeddings, last layers and vectors to AdamW.

    AdamW's part takes EMBEDDING_RATE of that, but n-grams NGRAM_RATE and windows of characters WINDOW_RATE.
    Recurrent networks are AdamW's as a whole. With ``adamw`` all weights but these take AdamW at
    ``learning_rate``, a classifier's last layer at HEAD_RATE, and matrices decay. What is frozen is left out.
    """
    matrices: list[Tensor] = []
    rest: list[Tensor] = []
    wide: dict[str, list[Tensor]] = {"ngrams": [], "windows": []}
    head: list[Tensor] = []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        if (part := name.partition(".")[0]) in wide:
            wide[part].append(parameter)
        elif part == "classifier" and optimizer == "adamw":
            head.append(parameter)
        else:
            hidden = any(part in name for part in (".blocks.", "projection.", "pooler."))
            matrix = parameter.ndim == 2 and (hidden or optimizer == "adamw")
            (matrices if matrix else rest).append(parameter)
    of_matrices: dict[str, Any] = {"lr": learning_rate, "muon": True}
    of_rest: dict[str, Any] = {"lr": EMBEDDING_RATE * learning_rate, "muon": False}
    if optimizer == "adamw":
        of_rest = {"lr": learning_rate, **PUBLISHED}
        of_matrices = {**of_rest, "weight_decay": WEIGHT_DECAY}
    groups = [
        {"params": matrices, **of_matrices},
        {"params": rest, **of_rest},
        {"params": head, "lr": HEAD_RATE, **PUBLISHED},
        {"params": wide["ngrams"], "lr": NGRAM_RATE, "muon": False},
        {"params": wide["windows"], "lr": WINDOW_RATE, "muon": False, "eps": WINDOW_EPS},
    ]
    return [group for group in groups if group["params"]]
