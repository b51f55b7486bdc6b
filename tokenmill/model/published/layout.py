"""How our tensors stand in a published layout: what the architectures' tables are made of."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from tokenmill.model.config import ModelConfig


@dataclass(frozen=True)
class Entry:
    """One of our tensors and the tensors that hold it there. ``load(store(x))`` is ``x``, bit by bit."""

    ours: str
    theirs: tuple[str, ...]
    store: Callable[[Tensor], Sequence[Tensor]]
    load: Callable[[Sequence[Tensor]], Tensor]


Layout = Iterator[Entry]


def same(ours: str, theirs: str) -> Entry:
    """The same tensor under another name."""
    return Entry(ours, (theirs,), lambda x: (x,), lambda parts: parts[0])


def transposed(ours: str, theirs: str) -> Entry:
    """A matrix that is stored the other way round, as GPT-2's are."""
    return Entry(ours, (theirs,), lambda x: (x.t(),), lambda parts: parts[0].t())


def fused(ours: str, theirs: Sequence[str], sizes: Sequence[int]) -> Entry:
    """Our tensor is theirs put together along the first dimension."""
    return Entry(ours, tuple(theirs), lambda x: x.split(list(sizes)), lambda parts: torch.cat(list(parts)))


def repeated(ours: str, theirs: Sequence[str]) -> Entry:
    """The same tensor stored several times."""
    return Entry(ours, tuple(theirs), lambda x: (x,) * len(theirs), lambda parts: parts[0])


def derived(ours: str, theirs: str, function: Callable[[Tensor], Tensor]) -> Entry:
    """``theirs`` follows from our tensor and is only written: the tensor itself stands under another name."""
    return Entry(ours, (theirs,), lambda x: (function(x),), lambda parts: parts[0])


def with_bias(make: Callable[[str, str], Entry], ours: str, theirs: str) -> Layout:
    """The entries of a linear layer or a norm with a bias, which has one dimension: nothing to turn round."""
    yield make(f"{ours}.weight", f"{theirs}.weight")
    yield same(f"{ours}.bias", f"{theirs}.bias")


def normalised(config: ModelConfig) -> Callable[[Tensor], Tensor]:
    """The norm without gain that our small families lay over the embeddings."""
    return lambda x_VD: F.rms_norm(x_VD, (config.width,), eps=config.norm_eps)


def squared(config: ModelConfig) -> bool:
    """Whether squared ReLU is written as a gated ReLU whose gate is its value: relu(x) * x = relu(x)^2."""
    return config.activation == "relu2" and not config.gated
