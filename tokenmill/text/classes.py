"""What a published tokenizer's class does beside tokenizer.json: tokens it knows, letters it lowers, frames.

``transformers`` has a class for each kind of tokenizer, named in tokenizer_config.json or following from the
model. What such a class does between the file and a text is done here, so that the same ids come out.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, models, normalizers, processors

from tokenmill.core.errors import UserError, shown
from tokenmill.core.files import read_json

SETTINGS, NAMED, CONFIG = "tokenizer_config.json", "special_tokens_map.json", "config.json"
GENERATION = "generation_config.json"
REMEDY = "take the model's own file"
SETTINGS_BYTES = 2**24
"""Of a JSON file beside the weights, at most: 16 MiB, ten times the largest of published models."""

OF_MODEL: Mapping[str, str] = {
    "bert": "BertTokenizer",
    "gpt2": "GPT2Tokenizer",
    "opt": "GPT2Tokenizer",
    "qwen3": "Qwen2Tokenizer",
    "t5": "T5Tokenizer",
}
"""By model_type the class of a tokenizer that names none."""

_END = "<|endoftext|>"
TOKENS: Mapping[str, Mapping[str, str]] = {
    "BertTokenizer": {
        "unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]",
        "mask_token": "[MASK]",
    },
    "GPT2Tokenizer": {"unk_token": _END, "bos_token": _END, "eos_token": _END},
    "Qwen2Tokenizer": {"unk_token": _END, "eos_token": _END, "pad_token": _END},
    "T5Tokenizer": {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"},
    "LlamaTokenizer": {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"},
}  # fmt: skip
"""By class the special tokens of a tokenizer that names no others."""

_FRAMES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "BertTokenizer": (
        ("cls_token:0", "$A:0", "sep_token:0"),
        ("cls_token:0", "$A:0", "sep_token:0", "$B:1", "sep_token:1"),
    ),
    "T5Tokenizer": (("$A:0", "eos_token:0"), ("$A:0", "eos_token:0", "$B:0", "eos_token:0")),
}
"""By class what stands around a text, and around two, and of which part of the pair each is."""


def read_tokenizer_settings(folder: Path) -> dict[str, Any]:
    """tokenizer_config.json as the tokenizer's class completes it: ``tokenizer_class`` and all ``*_token``.

    Raises:
        UserError: a file is broken, or gives a token no text.
    """

    def read(name: str) -> dict[str, Any]:
        path = folder / name
        return read_json(path, REMEDY, most=SETTINGS_BYTES) if path.exists() else {}

    config, given = read(CONFIG), {**read(NAMED), **read(SETTINGS)}
    chosen = given.get("tokenizer_class") or config.get("tokenizer_class")
    if chosen is None:
        model_type = config.get("model_type")
        chosen = OF_MODEL.get(model_type) if type(model_type) is str else None
    if chosen is not None and type(chosen) is not str:
        raise UserError(f"{folder / SETTINGS}: tokenizer_class must be a name, got {shown(chosen)}; {REMEDY}")
    known = TOKENS.get((chosen or "").removesuffix("Fast"), {})
    settings = {**known, **given} | ({"tokenizer_class": chosen} if known else {})
    for key, value in settings.items():
        text = value.get("content") if isinstance(value, dict) else value
        if (
            key.endswith("_token")
            and not key.startswith("add_")
            and value is not None
            and type(text) is not str
        ):
            raise UserError(f"{folder / SETTINGS}: {shown(key)} must be a text, got {shown(value)}; {REMEDY}")
    return settings


def named_tokens(settings: Mapping[str, Any]) -> dict[str, str]:
    """The special tokens of :func:`read_tokenizer_settings` by key, such as ``eos_token``."""
    return {
        key: value["content"] if isinstance(value, dict) else value
        for key, value in settings.items()
        if key.endswith("_token") and not key.startswith("add_") and value is not None
    }


def as_its_class(tokenizer: Tokenizer, settings: Mapping[str, Any]) -> None:
    """Let a tokenizer do what its class does whatever tokenizer.json says; in place.

    BERT's lowers letters by ``do_lower_case``; BERT's and T5's put tokens around a text where no file does.
    """
    name = str(settings.get("tokenizer_class")).removesuffix("Fast")
    if name == "BertTokenizer" and isinstance(tokenizer.model, models.WordPiece):
        tokenizer.normalizer = normalizers.BertNormalizer(
            clean_text=True,
            handle_chinese_chars=bool(_flag(settings, "tokenize_chinese_chars", True)),
            strip_accents=_flag(settings, "strip_accents", None),
            lowercase=bool(_flag(settings, "do_lower_case", True)),
        )
    if name in _FRAMES and tokenizer.post_processor is None:
        _frame(tokenizer, settings, *_FRAMES[name])


def _flag(settings: Mapping[str, Any], key: str, default: bool | None) -> bool | None:
    value = settings.get(key)
    if value is not None and type(value) is not bool:
        raise UserError(f"{SETTINGS}: {key} must be true or false, got {shown(value)}; {REMEDY}")
    return default if value is None else value


def _frame(
    tokenizer: Tokenizer, settings: Mapping[str, Any], single: Sequence[str], pair: Sequence[str]
) -> None:
    """Put special tokens around texts; one that the vocabulary has not is left out."""
    tokens = named_tokens(settings)
    ids = {key: tokenizer.token_to_id(token) for key, token in tokens.items()}

    def spelt(template: Sequence[str]) -> list[str]:
        pieces = [piece.rpartition(":") for piece in template]
        known = [(key, part) for key, _, part in pieces if key[0] == "$" or ids.get(key) is not None]
        return [f"{tokens.get(key, key)}:{part}" for key, part in known]

    tokenizer.post_processor = processors.TemplateProcessing(
        single=spelt(single),
        pair=spelt(pair),
        special_tokens=[(token, ids[key]) for key, token in tokens.items() if ids[key] is not None],
    )


@contextmanager
def speaking_for_the_library(problem: str) -> Iterator[None]:
    """What the tokenizers library raises, a panic included, becomes one line that begins with ``problem``."""
    try:
        yield
    except BaseException as error:
        panic = (
            type(error).__name__ == "PanicException"
        )  # no Exception, and of a module that nobody can import
        if not panic and (isinstance(error, UserError | MemoryError) or not isinstance(error, Exception)):
            raise
        said = shown(str(error).partition("\n")[0], 120)
        raise UserError(f"{problem} ({said})") from None
