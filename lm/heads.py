"""The trunk with something on top: language models and classifiers."""

import torch
from torch import Tensor, nn

from lm.config import ModelConfig
from lm.transformer import LayerCache, Transformer


class LanguageModel(nn.Module):
    """Predicts tokens, causally or at masked places.

    The output layer is the embedding matrix (Press & Wolf 2017).
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.trunk = Transformer(config)

    def forward(
        self,
        tokens_BT: Tensor,
        caches: list[LayerCache] | None = None,
        start: int = 0,
        mask_BSS: Tensor | None = None,
    ) -> Tensor:
        """Logits (B, T, V) of token ids (B, T)."""
        return self.logits(self.trunk(tokens_BT, mask_BSS, caches, start))

    def logits(self, hidden: Tensor) -> Tensor:
        """Logits (..., V) of hidden states (..., D): for the positions that matter only."""
        return hidden @ self.trunk.embedding.weight.t()

    def new_caches(self, batch: int) -> list[LayerCache]:
        """Empty key-value caches, one a layer, for ``batch`` sequences."""
        weight = self.trunk.embedding.weight
        return [
            LayerCache(batch, self.config, weight.device, weight.dtype) for _ in range(self.config.layers)
        ]


class SequenceClassifier(nn.Module):
    """Classifies a text by the mean of its hidden states."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.trunk = Transformer(config)
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(config.width, len(config.labels))
        nn.init.zeros_(self.classifier.weight)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, tokens_BT: Tensor, present_BT: Tensor) -> Tensor:
        """Logits (B, labels); ``present`` is true where a position holds a token and false at padding."""
        hidden_BTD = self.trunk(tokens_BT, present_BT[:, None, None, :])
        weight_BT1 = present_BT.unsqueeze(-1).to(hidden_BTD.dtype)
        mean_BD = (hidden_BTD * weight_BT1).sum(1) / weight_BT1.sum(1)
        return self.classifier(self.dropout(mean_BD))


def build_model(config: ModelConfig) -> LanguageModel | SequenceClassifier:
    """The model that a config describes, freshly initialised from torch's current random state."""
    return SequenceClassifier(config) if config.kind == "sequence-classifier" else LanguageModel(config)


def start_from(classifier: SequenceClassifier, pretrained: LanguageModel) -> None:
    """Copy a pretrained trunk's weights into a classifier of the same shape."""
    with torch.no_grad():
        classifier.trunk.load_state_dict(pretrained.trunk.state_dict())
