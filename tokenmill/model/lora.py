"""Low-rank adaptation: train small matrices beside frozen ones (Hu et al. 2021, arXiv:2106.09685)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tokenmill.core.errors import UserError
from tokenmill.model.freeze import matching, parts


class LoRALinear(nn.Linear):
    """``weight x + bias + alpha / rank * B A dropout(x)``: only A (rank, in) and B (out, rank) are trained.

    It holds the very ``weight`` and ``bias`` of the layer whose place it takes, under the same names.
    """

    def __init__(
        self, linear: nn.Linear, rank: int, alpha: float, dropout: float, generator: torch.Generator
    ) -> None:
        bias = linear.bias is not None
        super().__init__(linear.in_features, linear.out_features, bias=bias, device="meta")
        self.weight, self.bias = linear.weight, linear.bias
        self.rank, self.alpha = rank, alpha
        self.dropout = nn.Dropout(dropout)
        # B starts at zero, so that the model starts as it was; A as a linear layer does in torch.
        bound = self.in_features**-0.5
        a = torch.rand(rank, self.in_features, generator=generator) * 2 * bound - bound
        self.lora_A = nn.Parameter(a.to(self.weight))
        self.lora_B = nn.Parameter(self.weight.new_zeros(self.out_features, rank))
        self.train(linear.training)

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., out)."""
        low = F.linear(F.linear(self.dropout(x), self.lora_A), self.lora_B)
        return F.linear(x, self.weight, self.bias) + self.alpha / self.rank * low

    def delta(self) -> Tensor:
        """What the two matrices add to ``weight`` (out, in)."""
        return self.alpha / self.rank * (self.lora_B @ self.lora_A)


def add_lora(
    model: nn.Module,
    patterns: Sequence[str],
    *,
    rank: int,
    alpha: float,
    dropout: float = 0.0,
    generator: torch.Generator,
    train: Sequence[str] = (),
) -> None:
    """Put a :class:`LoRALinear` in the place of every linear layer whose name matches, and freeze the rest.

    ``*`` in a pattern stands for anything: ``*.attention.*``. Parts that ``train`` names, such as a new
    classifier, are trained in full. What the model computes stays the same until training changes it.

    Raises:
        UserError: a pattern matches nothing, a number is out of range, or the model has LoRA already.
    """
    if rank < 1 or alpha <= 0 or not 0 <= dropout < 1:
        raise UserError(
            "LoRA: rank must be at least 1, alpha above 0, dropout at least 0 and below 1; "
            f"got {rank}, {alpha} and {dropout}"
        )
    if lora_layers(model):
        raise UserError("LoRA: the model has LoRA already; merge it first")
    linear = {name: module for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    chosen = matching(linear, patterns, "linear layer")
    trained = parts(model, train)
    model.requires_grad_(False)
    for parameter in trained:
        parameter.requires_grad_(True)
    for name in chosen:
        model.set_submodule(name, LoRALinear(linear[name], rank, alpha, dropout, generator))


def lora_layers(model: nn.Module) -> dict[str, LoRALinear]:
    """The layers that have LoRA, by name."""
    return {name: module for name, module in model.named_modules() if isinstance(module, LoRALinear)}


@torch.no_grad()
def merge(model: nn.Module) -> None:
    """Add the low-rank products to the weights: afterwards the model is a plain one, as fast as before."""
    for name, layer in lora_layers(model).items():
        plain = nn.Linear(layer.in_features, layer.out_features, bias=layer.bias is not None, device="meta")
        layer.weight += layer.delta()
        plain.weight, plain.bias = layer.weight, layer.bias
        model.set_submodule(name, plain.train(layer.training))
