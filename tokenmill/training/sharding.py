"""FSDP2: weights, gradients and the optimizer's state in pieces, one in each process (Zhao et al. 2023,
arXiv:2304.11277; ZeRO stage 3, Rajbhandari et al. 2019, arXiv:1910.02054)."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from pytorch_lightning.strategies import ModelParallelStrategy, Strategy
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor

from tokenmill.model.layers import Block


class Shards:
    """A model in pieces: each process keeps some rows of every parameter.

    A block is gathered just before it computes and let go after it; what stands outside of the blocks
    (embeddings, tied or not, output layer, last norms) is the root unit, gathered from a forward pass to the
    end of its backward pass.
    """

    def __init__(self, model: nn.Module, mesh: DeviceMesh, *, products: torch.dtype) -> None:
        """Split ``model``, which must be the same in all processes of ``mesh`` (1-D).

        Products are computed in the dtype ``products``; sums over processes, and what is kept, are float32.
        The parameters of ``model`` itself are empty until :meth:`gathered`; :attr:`model` trains.
        """
        policy = MixedPrecisionPolicy(products, torch.float32)
        self._original = model
        self.model = copy.deepcopy(model, {id(weight): weight for weight in model.parameters()})
        for module in self.model.modules():
            if isinstance(module, Block):
                fully_shard(module, mesh=mesh, mp_policy=policy)
        self.root = _Root(self.model)
        fully_shard(self.root, mesh=mesh, mp_policy=policy)
        for weight in model.parameters():
            weight.data = weight.data.new_empty(0)

    def gathered(self) -> nn.Module:
        """The model that was split, with whole weights in main memory again; each process must call this."""
        weights = self.model.state_dict()
        for name, weight in self._original.named_parameters():
            weight.data = weights[name].full_tensor().cpu()
        return self._original


class _Root(nn.Module):
    """FSDP gathers a unit around its ``forward``, while tasks call several methods of a model: they do it
    in here."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, compute: Callable[..., Any], *arguments: Any) -> Any:
        return compute(*arguments)


class FullySharded(ModelParallelStrategy):
    """Lightning's strategy for models that split themselves, with checkpoints of ours.

    Its own go through ``torch.distributed.checkpoint``, whose metadata are a pickle that is loaded unchecked.
    """

    def __init__(self, processes: int) -> None:
        super().__init__(data_parallel_size=processes, tensor_parallel_size=1)

    @property
    def lightning_restore_optimizer(self) -> bool:
        """Lightning hands over the optimizer's state as for any other strategy."""
        return True

    def lightning_module_state_dict(self) -> dict[str, Any]:
        """This process's pieces, as DTensors."""
        return Strategy.lightning_module_state_dict(self)

    def optimizer_state(self, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
        """This process's pieces, as DTensors."""
        return Strategy.optimizer_state(self, optimizer)

    def save_checkpoint(self, checkpoint: dict[str, Any], filepath: Any, storage_options: Any = None) -> None:
        """Every process writes its pieces."""
        self.checkpoint_io.save_checkpoint(checkpoint, filepath)

    def load_checkpoint(self, checkpoint_path: Any, weights_only: bool | None = None) -> dict[str, Any]:
        """This process's rows of a checkpoint, as plain tensors."""
        return Strategy.load_checkpoint(self, checkpoint_path, weights_only)

    def load_model_state_dict(self, checkpoint: Mapping[str, Any], strict: bool = True) -> None:
        """Take the weights of :meth:`load_checkpoint`."""
        assert self.lightning_module is not None
        own = self.lightning_module.state_dict()
        weights = {name: _piece(rows, own[name]) for name, rows in checkpoint["state_dict"].items()}
        self.lightning_module.load_state_dict(weights, strict=strict)

    def load_optimizer_state_dict(self, checkpoint: Mapping[str, Any]) -> None:
        """Take the optimizer's state of :meth:`load_checkpoint`; its tensors are shaped like the weights."""
        for optimizer, saved in zip(self.optimizers, checkpoint["optimizer_states"], strict=True):
            weights = [weight for group in optimizer.param_groups for weight in group["params"]]
            state = {
                number: {
                    name: _piece(value, weights[number]) if isinstance(value, Tensor) else value
                    for name, value in values.items()
                }
                for number, values in saved["state"].items()
            }
            optimizer.load_state_dict({**saved, "state": state})


def _piece(rows: Tensor, like: DTensor) -> DTensor:
    """This process's rows of a tensor that is split like another."""
    return DTensor.from_local(
        rows.to(like.device), like.device_mesh, like.placements, shape=like.shape, stride=like.stride()
    )
