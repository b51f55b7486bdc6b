"""LoRA: the same model at first, small matrices only to train, a plain model again after merging."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.tiny_models import tiny_model
from tokenmill.core.errors import UserError
from tokenmill.model.families import FAMILIES
from tokenmill.model.heads import LanguageModel
from tokenmill.model.lora import LoRALinear, add_lora, lora_layers, merge


class Small(nn.Module):
    """Two blocks and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.ModuleDict({"input": nn.Linear(16, 32), "output": nn.Linear(32, 16, bias=False)})
            for _ in range(2)
        )
        self.classifier = nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            assert isinstance(block, nn.ModuleDict)
            x = x + block["output"](block["input"](x).relu())
        return self.classifier(x)


def small(seed: int = 0) -> Small:
    torch.manual_seed(seed)
    return Small()


X = torch.randn(5, 16, generator=torch.Generator().manual_seed(3))


def adapted(seed: int = 0, dropout: float = 0.0, train: tuple[str, ...] = ()) -> Small:
    model = small(seed)
    generator = torch.Generator().manual_seed(1)
    add_lora(model, ["blocks.*"], rank=4, alpha=8, dropout=dropout, generator=generator, train=train)
    return model


def trained(**how: float | tuple[str, ...]) -> Small:
    """A few steps on random targets."""
    model = adapted(**how).train()  # type: ignore[arg-type]
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=0.01)
    target = torch.randn(5, 3, generator=torch.Generator().manual_seed(4))
    for _ in range(20):
        optimizer.zero_grad()
        (model(X) - target).square().mean().backward()
        optimizer.step()
    return model.eval()


def test_at_first_the_model_is_the_same_to_the_bit() -> None:
    assert torch.equal(adapted(dropout=0.5)(X), small()(X))


def test_only_low_rank_matrices_and_named_heads_change() -> None:
    before = {name: value.clone() for name, value in small().state_dict().items()}
    after = trained(train=("classifier",)).state_dict()
    assert set(before) < set(after)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"classifier.weight", "classifier.bias"}
    rest = {name: tuple(value.shape) for name, value in after.items() if name not in before}
    assert rest["blocks.1.input.lora_A"] == (4, 16) and rest["blocks.1.input.lora_B"] == (32, 4)
    assert len(rest) == 8 and all(after[name].any() for name in rest)


def test_the_layer_computes_the_published_formula() -> None:
    model = trained()
    layer = lora_layers(model)["blocks.0.input"]
    x = X.double()
    expected = x @ layer.weight.double().T + layer.bias.double()
    expected += 8 / 4 * (x @ layer.lora_A.double().T) @ layer.lora_B.double().T
    assert torch.allclose(layer(X).double(), expected, atol=1e-5)


def test_merging_gives_a_plain_model_with_equal_logits() -> None:
    model = trained(train=("classifier",))
    logits = model(X)
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    merge(model)
    assert list(model.state_dict()) == list(small().state_dict())
    assert [name for name, _ in model.named_modules()] == [name for name, _ in small().named_modules()]
    assert not any(isinstance(module, LoRALinear) for module in model.modules())
    assert not torch.equal(model.state_dict()["blocks.0.input.weight"], weights["blocks.0.input.weight"])
    assert torch.allclose(model(X), logits, atol=1e-5)
    assert not torch.allclose(small()(X), logits, atol=1e-2)


def test_dropout_is_for_training_and_for_the_low_rank_path_only() -> None:
    model = trained()
    plain = model(X)
    for layer in lora_layers(model).values():
        layer.dropout.p = 0.999999
    assert torch.equal(model(X), plain)
    model.train()
    assert torch.allclose(model(X), small()(X), atol=1e-5)


def test_the_first_matrix_follows_from_the_generator() -> None:
    torch.manual_seed(8)
    first = lora_layers(adapted())["blocks.0.input"].lora_A
    assert torch.equal(first, lora_layers(adapted())["blocks.0.input"].lora_A)
    assert first.abs().max() <= 16**-0.5 < 1.2 * first.abs().max()


def test_a_pattern_without_a_layer_is_one_line_with_names() -> None:
    generator = torch.Generator()
    with pytest.raises(UserError) as caught:
        add_lora(small(), ["blocks.*", "*.query"], rank=4, alpha=8, generator=generator)
    assert str(caught.value) == (
        "no linear layer is named like '*.query'; there are blocks.0.input, blocks.0.output, "
        "blocks.1.input, blocks.1.output, classifier"
    )
    with pytest.raises(UserError, match="no part of the model is named like 'head'"):
        add_lora(small(), ["*"], rank=4, alpha=8, generator=generator, train=["head"])


@pytest.mark.parametrize(("rank", "alpha", "dropout"), [(0, 8, 0.0), (4, 0, 0.0), (4, 8, 1.0)])
def test_numbers_that_cannot_be_are_refused(rank: int, alpha: float, dropout: float) -> None:
    with pytest.raises(UserError, match="LoRA: rank must be at least 1"):
        add_lora(small(), ["*"], rank=rank, alpha=alpha, dropout=dropout, generator=torch.Generator())


def test_lora_on_lora_is_refused() -> None:
    model = adapted()
    with pytest.raises(UserError, match="the model has LoRA already; merge it first"):
        add_lora(model, ["classifier"], rank=4, alpha=8, generator=torch.Generator())


@pytest.mark.parametrize("family", [name for name, values in FAMILIES.items() if "cell" not in values])
def test_every_family_of_transformers_takes_lora_and_merges(family: Any) -> None:
    model = tiny_model(FAMILIES[family]["kind"], family=family)
    assert isinstance(model, LanguageModel)
    tokens = torch.randint(39, 320, (2, 9), generator=torch.Generator().manual_seed(0))
    source = tokens[:, :6] if model.config.kind == "text-to-text" else None
    before, plain = model(tokens, source_BS=source), list(model.state_dict())
    add_lora(model, ["*"], rank=2, alpha=4, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(model(tokens, source_BS=source), before, atol=1e-5)
    with torch.no_grad():
        for layer in lora_layers(model).values():
            layer.lora_B.normal_(std=0.05, generator=torch.Generator().manual_seed(1))
    logits = model(tokens, source_BS=source)
    logits.square().sum().backward()
    trained = {name: p.grad for name, p in model.named_parameters() if p.requires_grad}
    assert all("lora" in name and grad is not None and grad.any() for name, grad in trained.items())
    assert not torch.allclose(logits, before, atol=1e-2)
    merge(model)
    assert list(model.state_dict()) == plain
    assert torch.allclose(model(tokens, source_BS=source), logits, atol=1e-5)


def test_a_recurrent_model_has_no_layers_for_lora() -> None:
    with pytest.raises(UserError, match=r"no linear layer is named like '\*'; there are none"):
        add_lora(tiny_model(family="lstm"), ["*"], rank=2, alpha=4, generator=torch.Generator())
