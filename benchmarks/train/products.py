"""What plain matrix products reach at a model's shapes: the ceiling of a trainer on a machine."""

import time
from typing import Any


def product_rate(shape: dict[str, int], vocab_size: int, *, tokens: int, dtype: str, device: str) -> float:
    """FLOP/s of a model's matrix products over ``tokens`` tokens: forward and both of the backward pass.

    ``shape``: layers and width; each matrix counts as often as a layer of the model has it. Attention is left
    out. The best of four times.
    """
    import torch

    kind: torch.dtype = getattr(torch, dtype)
    width, layers = shape["width"], shape["layers"]
    matrices = ((width, 3 * width, layers), (width, width, layers), (width, 4 * width, layers),
                (4 * width, width, layers), (width, vocab_size, 1))  # fmt: skip
    flops, seconds = 0.0, 0.0
    for inputs, outputs, count in matrices:
        x, w = (
            torch.randn(*size, dtype=kind, device=device) for size in ((tokens, inputs), (outputs, inputs))
        )
        g = torch.randn(tokens, outputs, dtype=kind, device=device)
        flops += count * 6 * tokens * inputs * outputs
        seconds += count * min(_seconds(x, w, g) for _ in range(4))
    return flops / seconds


def _seconds(x: Any, w: Any, g: Any) -> float:
    import torch

    def wait() -> float:
        if x.is_cuda:
            torch.cuda.synchronize()
        return time.perf_counter()

    began = wait()
    _ = x @ w.T, g @ w, g.T @ x
    return wait() - began
