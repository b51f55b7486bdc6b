"""Muon and AdamW against their definitions."""

import pytest
import torch

from tests.tiny_models import tiny_model
from tokenmill.training.optimizer import MuonAdamW, orthogonalise, parameter_groups


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("shape", [(32, 64), (64, 32), (48, 48), (256, 1024)])
def test_orthogonalise_brings_singular_values_near_one(shape: tuple[int, int], dtype: str) -> None:
    torch.manual_seed(0)
    matrices = torch.randn(3, *shape) * 7
    orthogonal = orthogonalise(matrices, getattr(torch, dtype))
    assert orthogonal.dtype == torch.float32
    singular = torch.linalg.svdvals(orthogonal)
    assert singular.min() > 0.6
    assert singular.max() < 1.3


def test_orthogonalise_keeps_the_singular_vectors() -> None:
    torch.manual_seed(0)
    u, _, v = torch.linalg.svd(torch.randn(1, 16, 24), full_matrices=False)
    matrix = u @ torch.diag(torch.linspace(1, 2, 16)) @ v
    inner = u.mT @ orthogonalise(matrix) @ v.mT
    assert (inner[0] - torch.diag(inner[0].diagonal())).abs().max() < 1e-3


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_adamw_groups_equal_torch_adamw(decay: float) -> None:
    torch.manual_seed(0)
    ours = [torch.randn(5, 3, requires_grad=True), torch.randn(4, requires_grad=True)]
    theirs = [p.detach().clone().requires_grad_() for p in ours]
    mine = MuonAdamW([{"params": ours, "lr": 0.01, "weight_decay": decay}])
    reference = torch.optim.AdamW(theirs, lr=0.01, betas=(0.9, 0.95), eps=1e-10, weight_decay=decay)
    for step in range(5):
        for a, b in zip(ours, theirs, strict=True):
            a.grad = torch.sin(a.detach() + step)
            b.grad = a.grad.clone()
        mine.step()
        reference.step()
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-5)


def test_every_parameter_is_in_one_group_and_block_matrices_in_muons() -> None:
    model = tiny_model("sequence-classifier")
    muon, rest = parameter_groups(model, 0.02)
    assert len(muon["params"]) + len(rest["params"]) == len(list(model.parameters()))
    assert all(p.ndim == 2 for p in muon["params"])
    assert len(muon["params"]) == 2 * 4 + 1  # two layers of four matrices each, and the projection
    assert any(p is model.backbone.embeddings.token.weight for p in rest["params"])


def test_adamw_alone_takes_every_weight_but_the_last_layers_at_one_rate_and_lets_matrices_decay() -> None:
    model = tiny_model("sequence-classifier", ngrams=2)
    matrices, rest, head, ngrams = parameter_groups(model, 5e-5, "adamw")
    assert not any(group["muon"] for group in (matrices, rest, head, ngrams))
    assert matrices["lr"] == rest["lr"] == 5e-5
    assert all(p.ndim == 2 for p in matrices["params"]) and all(p.ndim == 1 for p in rest["params"])
    assert matrices["weight_decay"] > 0 and "weight_decay" not in rest
    assert any(p is model.backbone.embeddings.token.weight for p in matrices["params"])
    assert head["lr"] > matrices["lr"], "it begins with zeros"
    assert [p.shape for p in head["params"]] == [p.shape for p in model.classifier.parameters()]
    assert [p.shape for p in ngrams["params"]] == [p.shape for p in model.ngrams.parameters()]
