"""Recurrent backbones, Elman's networks and LSTMs, with the interface of the Transformer."""

import torch
from torch import Tensor, nn

from tokenmill.core.errors import UserError
from tokenmill.model.config import ModelConfig
from tokenmill.model.transformer import Embeddings

State = tuple[Tensor, ...]
"""What a network carries on: (h,) or (h, c), each (layers, B, D)."""


class RecurrentCache:
    """The state after the tokens so far, in the place of a key-value cache."""

    def __init__(self) -> None:
        self.state: State | None = None
        self.length = 0

    def reorder(self, rows_B: Tensor) -> None:
        """Row ``b`` becomes a copy of row ``rows_B[b]``."""
        if self.state is not None:
            self.state = tuple(part[:, rows_B] for part in self.state)


class Recurrent(nn.Module):
    """Embeddings and torch's own RNN (Elman 1990) or LSTM (Hochreiter & Schmidhuber 1997): tokens in, hidden
    states out. It offers what :class:`tokenmill.model.transformer.Transformer` offers as a decoder."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        if not config.causal or config.decoder_layers:
            raise UserError(f"model config: cell {config.cell} is for causal models, got kind {config.kind}")
        self.config = config
        self.embeddings = Embeddings(config)
        nn.init.normal_(self.embeddings.token.weight, std=0.02)
        network = nn.LSTM if config.cell == "lstm" else nn.RNN
        self.cells = network(
            config.width, config.width, config.layers, batch_first=True, dropout=config.dropout
        )

    def forward(
        self, tokens_BT: Tensor, attention_mask_BT: Tensor | None = None, **_: Tensor | None
    ) -> Tensor:
        """Hidden states (B, T, D); a position sees those before it."""
        return self.decode(tokens_BT, attention_mask_BT)

    def decode(
        self,
        tokens_BT: Tensor,
        attention_mask_BS: Tensor | None = None,
        *,
        cache: RecurrentCache | None = None,
    ) -> Tensor:
        """Hidden states (B, T, D) of tokens after those in ``cache``; padding does not change the state."""
        start = cache.length if cache is not None else 0
        stop = start + tokens_BT.shape[1]
        x_BTD = self.embeddings(tokens_BT, slice(start, stop), None)
        state = cache.state if cache is not None else None
        if attention_mask_BS is None or bool(attention_mask_BS[:, start:].all()):
            hidden_BTD, state = self._run(x_BTD, state)
        else:
            hidden_BTD, state = self._run_padded(x_BTD, attention_mask_BS[:, start:], state)
        if cache is not None:
            cache.state, cache.length = state, stop
        return hidden_BTD

    def _run(self, x_BTD: Tensor, state: State | None) -> tuple[Tensor, State]:
        given = None if state is None else (state if self.config.cell == "lstm" else state[0])
        hidden_BTD, after = self.cells(x_BTD, given)
        return hidden_BTD, after if self.config.cell == "lstm" else (after,)

    def _run_padded(
        self, x_BTD: Tensor, attention_mask_BT: Tensor, state: State | None
    ) -> tuple[Tensor, State]:
        if state is None:
            zeros = x_BTD.new_zeros(self.config.layers, len(x_BTD), self.config.width)
            state = (zeros, zeros) if self.config.cell == "lstm" else (zeros,)
        outputs = []
        for step in range(x_BTD.shape[1]):
            hidden_B1D, after = self._run(x_BTD[:, step : step + 1], state)
            here = attention_mask_BT[:, step, None]
            state = tuple(torch.where(here, new, old) for new, old in zip(after, state, strict=True))
            outputs.append(hidden_B1D)
        return torch.cat(outputs, dim=1), state

    def new_cache(self, batch: int, capacity: int) -> RecurrentCache:
        """An empty cache; a state does not grow, so batch and capacity do not matter."""
        return RecurrentCache()
