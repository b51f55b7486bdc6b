"""Models: the backbone alone, with a language-modelling head, or with the head of a task."""

import dataclasses

import torch
from torch import Tensor, nn

from tokenmill.model.characters import CharacterClassifier
from tokenmill.model.config import ModelConfig
from tokenmill.model.functions import linear_cross_entropy
from tokenmill.model.layers import ACTIVATIONS, Cache, new_norm
from tokenmill.model.names import LANGUAGE_MODELS
from tokenmill.model.recurrent import Recurrent, RecurrentCache
from tokenmill.model.transformer import Transformer
from tokenmill.text.ngrams import BUCKETS, table_rows


class Projection(nn.Module):
    """A layer between the backbone and the output: linear, activation, norm (BERT's and ModernBERT's).

    A bilinear head has the linear part alone: logits are then bilinear in hidden states and embeddings.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.width, config.width, bias=config.bias)
        if config.head == "bilinear" or config.head_activation == "linear":
            nn.init.eye_(self.dense.weight)  # begins as if it were not there
        else:
            nn.init.normal_(self.dense.weight, std=config.width**-0.5)
        if config.bias:
            nn.init.zeros_(self.dense.bias)
        bilinear = config.head == "bilinear"
        self.norm = nn.Identity() if bilinear else new_norm(config)
        self.activation = ACTIVATIONS["linear" if bilinear else config.head_activation]

    def forward(self, hidden: Tensor) -> Tensor:
        """(..., D) -> (..., D)."""
        return self.norm(self.activation(self.dense(hidden)))


def _new_pooler(config: ModelConfig) -> nn.Linear:
    """BERT's layer over the first position, which a tanh follows."""
    layer = nn.Linear(config.width, config.width)
    nn.init.normal_(layer.weight, std=config.width**-0.5)
    nn.init.zeros_(layer.bias)
    return layer


def _output_layer(config: ModelConfig, outputs: int, *, bias: bool) -> nn.Linear:
    """A last layer that begins with zeros: every answer is as likely as any other."""
    layer = nn.Linear(config.width, outputs, bias=bias)
    nn.init.zeros_(layer.weight)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


class LanguageModel(nn.Module):
    """Predicts tokens: the next one, those at masked places, or those of an answer to the source."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = new_backbone(config)
        self.projection = Projection(config) if config.head != "linear" else None
        self.output = None if config.tied else _output_layer(config, config.vocab_size, bias=False)
        self.output_bias = nn.Parameter(torch.zeros(config.vocab_size)) if config.output_bias else None
        self.pooler = _new_pooler(config) if config.pooler else None

    def forward(
        self,
        tokens_BT: Tensor,
        attention_mask_BT: Tensor | None = None,
        *,
        source_BS: Tensor | None = None,
        source_attention_mask_BS: Tensor | None = None,
        segments_BT: Tensor | None = None,
        mask_BTS: Tensor | None = None,
    ) -> Tensor:
        """Logits (B, T, V) of token ids (B, T); a text-to-text model reads ``source`` first.

        ``attention_mask`` is false at padding: at a row's end, or at its start under a decoder.
        """
        if source_BS is None:
            return self.logits(
                self.backbone(tokens_BT, attention_mask_BT, segments_BT=segments_BT, mask_BTS=mask_BTS)
            )
        memory_BSD = self.transformer.encode(source_BS, source_attention_mask_BS)
        hidden_BTD = self.transformer.decode(
            tokens_BT,
            attention_mask_BT,
            memory_BSD=memory_BSD,
            memory_attention_mask_BS=source_attention_mask_BS,
        )
        return self.logits(hidden_BTD)

    @property
    def transformer(self) -> Transformer:
        """The backbone, where it is no recurrent one."""
        assert isinstance(self.backbone, Transformer)
        return self.backbone

    def logits(self, hidden: Tensor) -> Tensor:
        """Logits (..., V) of hidden states (..., D): for the positions that matter only."""
        hidden = self._before_output(hidden)
        if self.output is None:
            return nn.functional.linear(hidden, self.backbone.embeddings.token.weight, self.output_bias)
        logits = self.output(hidden)
        return logits if self.output_bias is None else logits + self.output_bias

    def cross_entropy(self, hidden_ND: Tensor, targets_N: Tensor) -> Tensor:
        """Mean cross-entropy in nats of the logits at ``targets``, without holding the logits."""
        if self.output is not None and type(self.output) is not nn.Linear:  # adapted: more than a weight
            return nn.functional.cross_entropy(self.logits(hidden_ND), targets_N)
        weight_VD = self.backbone.embeddings.token.weight if self.output is None else self.output.weight
        return linear_cross_entropy(self._before_output(hidden_ND), weight_VD, self.output_bias, targets_N)

    def _before_output(self, hidden: Tensor) -> Tensor:
        if self.projection is not None:
            hidden = self.projection(hidden)
        return hidden if self.config.output_scale == 1 else hidden * self.config.output_scale

    def folded(self) -> "LanguageModel":
        """The same function without what a bilinear head added for training.

        Its matrix goes into an output layer of the model's own, and the norm of the embeddings into these: a
        form that the published layouts have room for. Any other model is returned as it is.
        """
        if self.config.head != "bilinear" or self.projection is None:
            return self
        config = dataclasses.replace(self.config, head="linear", tied=False, embedding_norm="none")
        state = self.state_dict()
        embeddings_VD = state["backbone.embeddings.token.weight"]
        state["output.weight"] = embeddings_VD @ state.pop("projection.dense.weight")
        norm = self.transformer.embeddings.norm
        assert norm is not None  # a bilinear head asks for one
        state["backbone.embeddings.token.weight"] = norm(embeddings_VD)
        model = LanguageModel(config)
        model.load_state_dict(state)
        return model

    def new_cache(self, batch: int, capacity: int) -> Cache | RecurrentCache:
        """An empty cache for generating: ``batch`` rows of at most ``capacity`` tokens."""
        return self.backbone.new_cache(batch, capacity)


class TaskModel(nn.Module):
    """A head for a task.

    A sequence classifier gives logits (B, labels), a token classifier (B, T, labels), a span extractor
    (B, T, 2): how likely an answer begins, and ends, at a token.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = new_backbone(config)
        sequence = config.kind == "sequence-classifier"
        self.pooler = _new_pooler(config) if config.head == "bert" and sequence else None
        self.projection = Projection(config) if config.head == "modernbert" else None
        self.dropout = nn.Dropout(config.dropout)
        bias = not (config.causal and sequence)  # as in the published classes
        self.classifier = _output_layer(config, len(config.labels) or 2, bias=bias)
        self.ngrams = NgramWeights(len(config.labels)) if config.ngrams else None

    def forward(
        self,
        tokens_BT: Tensor,
        attention_mask_BT: Tensor | None = None,
        *,
        segments_BT: Tensor | None = None,
        ngrams_BG: Tensor | None = None,
        apart: bool = False,
    ) -> Tensor:
        """Logits; ``attention_mask`` is true where a position holds a token and false at padding.

        ``ngrams`` are the buckets of the texts' n-grams, padded with BUCKETS, for a model that weighs them:
        its logits are the mean of the backbone's and the n-grams', or with ``apart`` both (parts, B, labels),
        as training has them.
        """
        hidden = self.backbone(tokens_BT, attention_mask_BT, segments_BT=segments_BT)
        if self.config.kind == "sequence-classifier":
            hidden = pool(hidden, attention_mask_BT, self.config.pooling)
        if self.pooler is not None:
            hidden = torch.tanh(self.pooler(hidden))
        if self.projection is not None:
            hidden = self.projection(hidden)
        logits = self.classifier(self.dropout(hidden))
        parts = [logits]
        if self.ngrams is not None:
            assert ngrams_BG is not None
            parts.append(self.ngrams(ngrams_BG))
        stacked = torch.stack(parts)
        return stacked if apart else stacked.mean(0)

    def folded(self) -> "TaskModel":
        """The same function with the plain norm of the embeddings in these themselves.

        A form that the published layouts have room for. Any other model is returned as it is.
        """
        if self.config.embedding_norm != "plain" or not isinstance(self.backbone, Transformer):
            return self
        state, norm = self.state_dict(), self.backbone.embeddings.norm
        assert norm is not None
        state["backbone.embeddings.token.weight"] = norm(state["backbone.embeddings.token.weight"])
        model = TaskModel(dataclasses.replace(self.config, embedding_norm="none"))
        model.load_state_dict(state)
        return model.to(self.classifier.weight.device).train(self.training)

    def without_ngrams(self) -> "TaskModel":
        """The backbone's say alone, as a model of its own with the same weights."""
        model = TaskModel(dataclasses.replace(self.config, ngrams=0))
        model.load_state_dict(
            {name: value for name, value in self.state_dict().items() if not name.startswith("ngrams.")}
        )
        return model.to(self.classifier.weight.device).train(self.training)


class NgramWeights(nn.Module):
    """A linear classifier of a text's n-grams of characters, which begins with zeros.

    It remembers what is rare while the backbone generalises, as in Wide & Deep (Cheng et al. 2016). The sum
    is divided by the root of the number of n-grams: were they independent, short and long texts would be
    equally sure.
    """

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.rows = table_rows(labels)
        # One row more, which stays zero, for padding.
        self.bucket = nn.EmbeddingBag(self.rows + 1, labels, mode="sum", padding_idx=self.rows)
        nn.init.zeros_(self.bucket.weight)
        self.bias = nn.Parameter(torch.zeros(labels))

    def forward(self, ngrams_BG: Tensor) -> Tensor:
        """Logits (B, labels) of buckets (B, G), BUCKETS at padding."""
        there_BG = ngrams_BG != BUCKETS
        if self.rows < BUCKETS:
            ngrams_BG = torch.where(there_BG, ngrams_BG % self.rows, self.rows)
        logits: Tensor = self.bucket(ngrams_BG) / there_BG.sum(1, keepdim=True).sqrt() + self.bias
        return logits


class Features(nn.Module):
    """The bare backbone: hidden states (B, T, D), for embeddings or as a start for tasks."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = new_backbone(config)
        self.pooler = _new_pooler(config) if config.pooler else None

    def forward(
        self, tokens_BT: Tensor, attention_mask_BT: Tensor | None = None, *, segments_BT: Tensor | None = None
    ) -> Tensor:
        """Hidden states (B, T, D); ``attention_mask`` is false at padding."""
        return self.backbone(tokens_BT, attention_mask_BT, segments_BT=segments_BT)


def pool(hidden_BTD: Tensor, attention_mask_BT: Tensor | None, how: str) -> Tensor:
    """One vector (B, D) a row: the mean over its tokens, its first position, or its last token.

    ``attention_mask`` is false at padding.
    """
    if how == "first":
        return hidden_BTD[:, 0]
    if attention_mask_BT is None:
        return hidden_BTD.mean(1) if how == "mean" else hidden_BTD[:, -1]
    if how == "mean":
        weight_BT1 = attention_mask_BT.unsqueeze(-1).to(hidden_BTD.dtype)
        return (hidden_BTD * weight_BT1).sum(1) / weight_BT1.sum(1)
    place = torch.arange(attention_mask_BT.shape[1], device=attention_mask_BT.device)
    last_B = (place * attention_mask_BT).argmax(1)
    return hidden_BTD[torch.arange(len(hidden_BTD), device=hidden_BTD.device), last_B]


POSITIONS = "backbone.embeddings.position.weight"
HEADS = ("classifier.", "ngrams.", "head.", "windows.")
"""How the names of a task's own weights begin."""

Model = LanguageModel | Features | TaskModel | CharacterClassifier


def new_backbone(config: ModelConfig) -> Transformer | Recurrent:
    """The backbone that a config describes."""
    return Transformer(config) if config.cell == "attention" else Recurrent(config)


def build_model(config: ModelConfig) -> Model:
    """The model that a config describes, freshly initialised from torch's current random state."""
    if config.kind == "features":
        return Features(config)
    if config.kind == "character-classifier":
        return CharacterClassifier(config, new_backbone(config))
    return (LanguageModel if config.kind in LANGUAGE_MODELS else TaskModel)(config)


def start_from(model: Model, pretrained: Model) -> list[str]:
    """Copy the weights that both models have under one name; learned positions as far as they go.

    An encoder without any of its own takes those of a decoder: they differ in what a position sees only. A
    task's head begins anew, also after another task.

    Returns:
        The parameters of ``model`` that keep their fresh values, such as a classifier's last layer.
    """
    theirs, fresh = pretrained.state_dict(), []
    with torch.no_grad():
        for name, own in model.state_dict().items():
            weight = theirs.get(name, theirs.get(name.replace("backbone.encoder.", "backbone.decoder.")))
            if name.startswith(HEADS):
                fresh.append(name)
            elif weight is not None and weight.shape == own.shape:
                own.copy_(weight)
            elif weight is not None and name == POSITIONS and len(weight) >= len(own):
                own.copy_(weight[: len(own)])
            else:
                fresh.append(name)
    return fresh
