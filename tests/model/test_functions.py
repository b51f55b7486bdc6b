"""Our functions with their own backward pass equal torch's, values and gradients."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tokenmill.model import functions
from tokenmill.model.functions import attention, linear_cross_entropy, relu2, rms_norm, rotate

Case = tuple[Callable[..., Tensor], Callable[..., Tensor], list[Tensor]]


def draw(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64).requires_grad_()


def turn(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotation as a product of complex numbers."""
    first, second = x.chunk(2, -1)
    turned = torch.complex(first, second) * torch.complex(cos, sin)
    return torch.cat((turned.real, turned.imag), -1)


def cases() -> dict[str, Case]:
    torch.manual_seed(1)
    angle = torch.rand(5, 1, 4, dtype=torch.float64)
    cos, sin = angle.cos(), angle.sin()
    targets = torch.randint(0, 13, (600,))
    one_gain, many = draw(8), draw(3, 8)
    x, hidden, weight, bias = draw(2, 5, 3, 8), draw(600, 8), draw(13, 8), draw(13)
    return {
        "relu2": (lambda x: F.relu(x).square(), relu2, [x]),
        "rms": (lambda x, w: F.rms_norm(x, (8,), w, 1e-3), lambda x, w: rms_norm(x, w, 1e-3), [x, one_gain]),
        "rms plain": (lambda x: F.rms_norm(x, (8,), None, 1e-3), lambda x: rms_norm(x, None, 1e-3), [x]),
        "rms by head": (
            lambda x, w: F.rms_norm(x, (8,), None, 1e-3) * w,
            lambda x, w: rms_norm(x, w, 1e-3),
            [x, many],
        ),
        "rotate": (lambda x: turn(x, cos, sin), lambda x: rotate(x, cos, sin), [x]),
        "cross-entropy": (
            lambda h, w, b: F.cross_entropy(F.linear(h, w, b), targets),
            lambda h, w, b: linear_cross_entropy(h, w, b, targets),
            [hidden, weight, bias],
        ),
        "cross-entropy without bias": (
            lambda h, w: F.cross_entropy(F.linear(h, w), targets),
            lambda h, w: linear_cross_entropy(h, w, None, targets),
            [hidden, weight],
        ),
        "cross-entropy, frozen weight": (
            lambda h: F.cross_entropy(F.linear(h, weight.detach()), targets),
            lambda h: linear_cross_entropy(h, weight.detach(), None, targets),
            [hidden],
        ),
    }


@pytest.mark.parametrize("name", cases())
def test_values_and_gradients_are_torch_s(name: str) -> None:
    theirs, ours, inputs = cases()[name]
    expected, got = theirs(*inputs), ours(*inputs)
    # The loss is summed in float32, whatever its input.
    tolerance = {"rtol": 1e-6, "atol": 1e-6} if "entropy" in name else {"rtol": 1e-9, "atol": 1e-12}
    torch.testing.assert_close(got.double(), expected, **tolerance)
    direction = torch.randn_like(expected)
    for one, other in zip(
        torch.autograd.grad(got, inputs, direction.to(got.dtype)),
        torch.autograd.grad(expected, inputs, direction),
        strict=True,
    ):
        torch.testing.assert_close(one, other, **tolerance)


@pytest.mark.parametrize("mask", ["none", "allowed", "added", "added to each head"])
def test_attention_is_torch_s(mask: str) -> None:
    torch.manual_seed(1)
    inputs = [draw(2, 3, 5, 4), draw(2, 3, 7, 4), draw(2, 3, 7, 4)]
    masks = {
        "allowed": torch.rand(2, 1, 5, 7) < 0.7,
        "added": draw(1, 1, 5, 7),
        "added to each head": draw(1, 3, 5, 7),
    }
    with_mask = masks.get(mask)
    if mask.startswith("added"):
        inputs.append(masks[mask])

    def theirs(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = with_mask) -> Tensor:
        return F.scaled_dot_product_attention(q, k, v, mask, scale=0.3)

    def ours(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = with_mask) -> Tensor:
        return attention(q, k, v, mask, 0.3)

    got, expected = ours(*inputs), theirs(*inputs)
    torch.testing.assert_close(got, expected)
    direction = torch.randn_like(expected)
    for one, other in zip(
        torch.autograd.grad(got, inputs, direction),
        torch.autograd.grad(expected, inputs, direction),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def test_a_row_that_may_see_nothing_has_finite_gradients() -> None:
    q, k, v = (draw(1, 1, 2, 4) for _ in range(3))
    attention(q, k, v, torch.tensor([[True, True], [False, False]]), 1.0).sum().backward()
    assert all(x.grad is not None and bool(x.grad.isfinite().all()) for x in (q, k, v))


def test_the_logits_are_never_held_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    largest = 0
    softmax = torch.softmax

    def watched(logits: Tensor, *arguments: object, **options: object) -> Tensor:
        nonlocal largest
        largest = max(largest, len(logits))
        return softmax(logits, *arguments, **options)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(torch, "softmax", watched)
    monkeypatch.setitem(functions.CHUNK_BYTES, "cpu", 100 * 13 * 8)
    linear_cross_entropy(draw(600, 8), draw(13, 8), None, torch.zeros(600, dtype=torch.long))
    assert largest == 100


def test_a_target_that_was_held_impossible_costs_a_finite_loss() -> None:
    hidden = torch.tensor([[500.0]], requires_grad=True)
    weight = torch.tensor([[1.0], [-1.0]])
    loss = linear_cross_entropy(hidden, weight, None, torch.tensor([1]))
    loss.backward()
    assert 80 < loss.item() < 90 and hidden.grad is not None and bool(hidden.grad.isfinite().all())
