"""Low-rank adaptation: train small matrices beside frozen ones (Hu et al. 2021, arXiv:2106.09685)."""

import json
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tokenmill.core.errors import UserError
from tokenmill.model.freeze import matching, parts

# The names of files and keys are those of Hugging Face's PEFT.
WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
PREFIX = "base_model.model."


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
def merge(model: nn.Module) -> dict[str, LoRALinear]:
    """Add the low-rank products to the weights: afterwards the model is a plain one, as fast as before.

    Returns:
        The layers taken out, for :func:`unmerge`.
    """
    layers = lora_layers(model)
    for name, layer in layers.items():
        plain = nn.Linear(layer.in_features, layer.out_features, bias=layer.bias is not None, device="meta")
        layer.weight += layer.delta()
        plain.weight, plain.bias = layer.weight, layer.bias
        model.set_submodule(name, plain.train(layer.training))
    return layers


@torch.no_grad()
def unmerge(model: nn.Module, layers: dict[str, LoRALinear]) -> None:
    """Undo :func:`merge`, up to rounding: the low-rank matrices stand beside the weights again."""
    for name, layer in layers.items():
        plain = model.get_submodule(name)
        assert isinstance(plain, nn.Linear) and plain.weight is layer.weight
        layer.weight -= layer.delta()
        model.set_submodule(name, layer.train(plain.training))


def save_lora(folder: Path, model: nn.Module) -> None:
    """Write what was trained, LoRA and the parts trained in full, without the model that it belongs to.

    Raises:
        UserError: the model has no LoRA.
    """
    from safetensors.torch import save_file

    layers = lora_layers(model)
    if not layers:
        raise UserError("LoRA: the model has none to save; was it merged?")
    low_rank = {f"{name}.{part}" for name in layers for part in ("lora_A", "lora_B")}
    full = [n for n, p in model.named_parameters() if p.requires_grad and n not in low_rank]
    own = model.state_dict()
    state = {_stored(name): own[name].detach().contiguous().cpu() for name in sorted({*low_rank, *full})}
    first = next(iter(layers.values()))
    config = {
        "peft_type": "LORA",
        "r": first.rank,
        "lora_alpha": first.alpha,
        "lora_dropout": first.dropout.p,
        "bias": "none",
        "target_modules": sorted(layers),
        "modules_to_save": sorted({name.rpartition(".")[0] or name for name in full}) or None,
    }
    folder.mkdir(parents=True, exist_ok=True)
    save_file(state, folder / WEIGHTS, metadata={"format": "pt"})
    (folder / CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", "utf-8")


def load_lora(folder: Path, model: nn.Module) -> None:
    """Give a plain model the LoRA of a folder that :func:`save_lora` wrote for a model of its shape.

    Raises:
        UserError: a file is missing or broken, or belongs to another model.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        config = json.loads((folder / CONFIG).read_text("utf-8"))
        state = load_file(folder / WEIGHTS)
        settings = {"rank": config["r"], "alpha": config["lora_alpha"], "dropout": config["lora_dropout"]}
        patterns, train = config["target_modules"], config["modules_to_save"] or []
    except FileNotFoundError as error:
        raise UserError(
            f"{folder}: no {Path(error.filename or WEIGHTS).name}; give a folder with LoRA"
        ) from None
    except (ValueError, KeyError, SafetensorError) as error:
        raise UserError(f"{folder}: broken or no LoRA ({error!r}); save it again") from None
    try:
        add_lora(model, patterns, **settings, generator=torch.Generator(), train=train)
    except UserError as error:
        raise UserError(f"{folder}: belongs to another model ({error})") from None
    own = dict(model.named_parameters())
    expected = {_stored(name): p.shape for name, p in own.items() if p.requires_grad}
    if {key: tensor.shape for key, tensor in state.items()} != expected:
        raise UserError(f"{folder}: its tensors have other names or shapes than the model asks for")
    with torch.no_grad():
        for name, parameter in own.items():
            if parameter.requires_grad:
                parameter.copy_(state[_stored(name)])


def _stored(name: str) -> str:
    """PEFT's name of a tensor: there, the two matrices are layers of their own."""
    return PREFIX + name + (".weight" if name.endswith((".lora_A", ".lora_B")) else "")
