"""Functions with a backward pass of their own, which goes through memory less often than autograd's.

On a CPU what is not a matrix product is bound by memory; docs/experiments.md has what each of these saves.
Tests hold them equal to torch's own. Shape suffixes: tokenmill/model/layers.py; N targets.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import Function

CHUNK_BYTES = {"cpu": 8 << 20}
"""Logits at a time: for a vocabulary of 8,192 in float32 256 rows, which stay in a CPU's cache."""
OTHER_CHUNK_BYTES = 128 << 20


class _Relu2(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        positive = x.relu()
        ctx.save_for_backward(positive)
        return positive * positive

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (positive,) = ctx.saved_tensors
        return (gradient * positive).mul_(2)


def relu2(x: Tensor) -> Tensor:
    """Squared ReLU (So et al. 2021, Primer)."""
    if not (torch.is_grad_enabled() and x.requires_grad):
        return F.relu(x).square_()
    return _Relu2.apply(x)


class _RMSNorm(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor | None, eps: float) -> Tensor:
        width = x.shape[-1]
        exact = torch.promote_types(x.dtype, torch.float32)
        norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=exact)
        inverse = norm.square_().mul_(1 / width).add_(eps).rsqrt_().to(x.dtype)
        ctx.save_for_backward(x, weight, inverse)
        y = x * inverse
        return y if weight is None else y.mul_(weight)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor | None, None]:
        x, weight, inverse = ctx.saved_tensors
        unit, weight_gradient = x * inverse, None
        if weight is not None:
            leading = x.ndim - weight.ndim
            weight_gradient = (gradient * unit).flatten(0, leading - 1).sum(0) if leading else gradient * unit
            gradient = gradient * weight.to(x.dtype)
        along = torch.linalg.vecdot(gradient, unit).unsqueeze(-1).mul_(1 / x.shape[-1])
        return torch.addcmul(gradient, unit, along, value=-1).mul_(inverse), weight_gradient, None


def rms_norm(x: Tensor, weight: Tensor | None, eps: float) -> Tensor:
    """``x / sqrt(mean(x^2) + eps) * weight`` over the last dimension (Zhang & Sennrich 2019).

    ``weight`` has the last dimensions of ``x``: one for all vectors, or one for each of a group.
    """
    return _RMSNorm.apply(x, weight, eps)


class RMSNorm(nn.RMSNorm):
    """torch's, by :func:`rms_norm`."""

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) -> (..., D)."""
        return rms_norm(x, self.weight, self.epsilon)

    @property
    def epsilon(self) -> float:
        """What is added to the mean square."""
        assert self.eps is not None
        return self.eps


class _Rotate(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return _turned(x, cos, sin)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        cos, sin = ctx.saved_tensors
        return _turned(gradient, cos, -sin), None, None


def _turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    turned = torch.empty_like(x, memory_format=torch.contiguous_format)
    (first, second), (left, right) = x.chunk(2, -1), turned.chunk(2, -1)
    torch.mul(first, cos, out=left).addcmul_(second, sin, value=-1)
    torch.mul(second, cos, out=right).addcmul_(first, sin)
    return turned


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn the pairs (first half, second half) of the last dimension by angles given as cosines and sines."""
    return _Rotate.apply(x, cos.to(x.dtype), sin.to(x.dtype))


class _Attention(Function):
    @staticmethod
    def forward(
        ctx: Any, q_BNTH: Tensor, k_BNSH: Tensor, v_BNSH: Tensor, mask: Tensor | None, scale: float
    ) -> Tensor:
        scores_BNTS = (q_BNTH * scale) @ k_BNSH.mT
        if mask is not None and mask.dtype == torch.bool:
            # Not minus infinity: a row that may see nothing would be NaN, padding though it is.
            scores_BNTS.masked_fill_(~mask, torch.finfo(scores_BNTS.dtype).min)
        elif mask is not None:
            scores_BNTS.add_(mask)
        p_BNTS = torch.softmax(scores_BNTS, -1)
        ctx.save_for_backward(q_BNTH, k_BNSH, v_BNSH, p_BNTS)
        ctx.scale, ctx.mask = scale, None if mask is None else (mask.shape, mask.dtype)
        return p_BNTS @ v_BNSH

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, p = ctx.saved_tensors
        gradient = gradient.to(p.dtype)
        of_scores = torch._softmax_backward_data(gradient @ v.mT, p, -1, p.dtype)
        of_mask = None
        if ctx.needs_input_grad[3]:
            shape, dtype = ctx.mask
            of_mask = of_scores.to(dtype).sum_to_size(shape)
        of_q, of_k = (of_scores @ k).mul_(ctx.scale), (of_scores.mT @ q).mul_(ctx.scale)
        return of_q, of_k, p.mT @ gradient, of_mask, None


def attention(q_BNTH: Tensor, k_BNSH: Tensor, v_BNSH: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    """Scaled dot-product attention as plain products, which holds all probabilities (B, N, T, S).

    In bfloat16 on CPUs, at a context of some hundreds, it is faster than torch's fused kernel; there softmax
    sums in float32 whatever it reads. ``mask`` is broadcast to (B, N, T, S): true where attention is allowed,
    or floats added to the scores.
    """
    return _Attention.apply(q_BNTH, k_BNSH, v_BNSH, mask, scale)


class _LinearCrossEntropy(Function):
    @staticmethod
    def forward(
        ctx: Any, hidden_ND: Tensor, weight_VD: Tensor, bias_V: Tensor | None, targets_N: Tensor
    ) -> Tensor:
        kind = hidden_ND.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else hidden_ND.dtype
        weight = weight_VD.to(dtype)
        of_hidden, of_weight, of_bias, _ = ctx.needs_input_grad
        # Sums over many chunks need float32, whatever the weights are.
        exact = torch.promote_types(weight_VD.dtype, torch.float32)
        gradients = (
            torch.empty_like(hidden_ND) if of_hidden else None,
            torch.zeros_like(weight_VD, dtype=exact) if of_weight else None,
            torch.zeros_like(bias_V, dtype=exact) if bias_V is not None and of_bias else None,
        )
        rows = max(1, CHUNK_BYTES.get(kind, OTHER_CHUNK_BYTES) // (len(weight) * weight.itemsize))
        loss = hidden_ND.new_zeros((), dtype=torch.float32)
        if hidden_ND.untyped_storage().device.type == "meta":  # without content, it takes no memory
            rows = max(1, len(hidden_ND))
        with torch.autocast(kind, enabled=False):
            for start in range(0, len(hidden_ND), rows):
                hidden, target_N = hidden_ND[start : start + rows].to(dtype), targets_N[start : start + rows]
                logits = F.linear(hidden, weight, None if bias_V is None else bias_V.to(dtype))
                p_NV = torch.softmax(logits, -1)
                at_targets = torch.arange(len(p_NV), device=p_NV.device), target_N
                # Below the smallest number of float32 a loss would be infinite: 87 nats are enough.
                hit_N = p_NV[at_targets].float().clamp_min_(torch.finfo(torch.float32).tiny)
                loss -= hit_N.log().sum()
                # The gradient of the logits: what was predicted, less what was there.
                p_NV[at_targets] -= 1
                _accumulate(gradients, start, p_NV, hidden, weight)
        ctx.save_for_backward(*gradients)
        ctx.count = max(1, len(hidden_ND))  # a part of a batch may have no target
        return loss / ctx.count

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        scale = gradient / ctx.count
        return *(None if part is None else part * scale for part in ctx.saved_tensors), None


def _accumulate(
    gradients: tuple[Tensor | None, Tensor | None, Tensor | None],
    start: int,
    of_logits_NV: Tensor,
    hidden_ND: Tensor,
    weight_VD: Tensor,
) -> None:
    """Add a chunk's part to the gradients of hidden states, weight and bias."""
    of_hidden, of_weight, of_bias = gradients
    if of_hidden is not None:
        of_hidden[start : start + len(hidden_ND)] = of_logits_NV @ weight_VD
    if of_weight is not None and of_weight.dtype == of_logits_NV.dtype:
        of_weight.addmm_(of_logits_NV.T, hidden_ND)
    elif of_weight is not None:
        of_weight += of_logits_NV.T @ hidden_ND
    if of_bias is not None:
        of_bias += of_logits_NV.sum(0)


def linear_cross_entropy(
    hidden_ND: Tensor, weight_VD: Tensor, bias_V: Tensor | None, targets_N: Tensor
) -> Tensor:
    """Mean cross-entropy in nats of a linear layer's logits, which are never held all at once.

    Logits, loss and gradients are computed a chunk of rows at a time in the forward pass: the logits of a
    whole batch would be its largest tensor by far, and would pass through memory seven times.
    """
    return _LinearCrossEntropy.apply(hidden_ND, weight_VD, bias_V, targets_N)
