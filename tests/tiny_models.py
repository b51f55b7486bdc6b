"""Tiny models and tokenizers for tests."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from tokenmill.model.config import ModelConfig
from tokenmill.model.families import family_config
from tokenmill.model.folder import save_model
from tokenmill.model.heads import Model, build_model
from tokenmill.model.names import CLASSIFIERS, Family, Kind, bio_labels
from tokenmill.text.tokenizer import SPECIAL_TOKENS, fingerprint
from tokenmill.text.vocabulary import Vocabulary

TEXTS = ["我喜欢看电影。", "我喜欢听音乐。", "我喜欢阅读。", "a small test", "books and films"]
LABELS: dict[Kind, tuple[str, ...]] = {
    **dict.fromkeys(CLASSIFIERS, ("negative", "positive")),
    "character-classifier": bio_labels(["LOC", "PER"]),
}
FAMILY: dict[Kind, Family] = {"causal-lm": "small-gpt", "text-to-text": "small-t5"}


def tiny_config(kind: Kind = "causal-lm", family: Family | None = None, **changes: object) -> ModelConfig:
    """Two layers, 32 wide, context 32, of the small family that has this kind unless another is named."""
    values: dict[str, object] = {
        "kind": kind,
        "vocab_size": 320,
        "layers": 2,
        "width": 32,
        "heads": 2,
        "context": 32,
        "labels": LABELS.get(kind, ()),
        "ngrams": 2 if kind == "character-classifier" else 0,
    }
    return family_config(family or FAMILY.get(kind, "small-bert"), **{**values, **changes})


def tiny_model(
    kind: Kind = "causal-lm", seed: int = 0, family: Family | None = None, **changes: object
) -> Model:
    """A model with weights that are random everywhere, also where training starts from zeros."""
    torch.manual_seed(seed)
    model = build_model(tiny_config(kind, family, **changes))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


def write_tokenizer(folder: Path, vocab_size: int = 320) -> Path:
    """A byte-level BPE tokenizer of :data:`TEXTS` with our special tokens, written to a folder."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        TEXTS * 3,
        trainers.BpeTrainer(
            vocab_size=vocab_size,
            special_tokens=list(SPECIAL_TOKENS),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def plain_ids(vocabulary: Vocabulary, text: str) -> list[int]:
    """The ids of a text without the tokens that a model puts around it."""
    return list(vocabulary.tokenizer.encode(text, add_special_tokens=False).ids)


def write_model(folder: Path, kind: Kind = "causal-lm", **changes: object) -> Path:
    """A model folder with a tiny model and its tokenizer; returns it."""
    tokenizer = write_tokenizer(folder.parent / f"{folder.name}-tokenizer")
    model = tiny_model(kind, **changes)  # type: ignore[arg-type]
    save_model(folder, model, tokenizer=tokenizer, ancestry={"tokenizer": fingerprint(tokenizer)})
    return folder
