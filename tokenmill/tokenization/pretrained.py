"""The tokenizer of a model that is on disk: ours, or a downloaded one."""

from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from tokenmill.core.errors import UserError
from tokenmill.core.files import read_json, write_bytes, write_json
from tokenmill.text.special import OURS, SpecialTokens
from tokenmill.text.tokenizer import FILE, SENTINELS, SPECIAL_TOKENS
from tokenmill.text.vocabulary import SETTINGS, Vocabulary, load_vocabulary

CONFIG, NAMED, GENERATION = "config.json", "special_tokens_map.json", "generation_config.json"
OWN_FILES = "take the model's own file"
SENTINEL_NAMES = ("<extra_{}>", "<extra_id_{}>")
"""How gaps are spelt: in our tokenizers, in T5's."""


def take_tokenizer(model: Path, folder: Path) -> SpecialTokens:
    """Copy what belongs to a model's tokenizer into a folder of shards; returns its special tokens.

    ``folder`` then holds tokenizer.json as it is, tokenizer_config.json with the names of all special tokens,
    config.json with their numbers alone, and generation_config.json where there is one: what a model that is
    trained on the shards takes along.

    Raises:
        UserError: tokenizer.json is missing or broken, or the model has no tokens for begin and end.
    """
    if not (model / FILE).exists():
        raise UserError(
            f"{model / FILE}: missing; put the model's own there, or write it with "
            "`AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)` of transformers"
        )
    config = _read(model / CONFIG)
    numbers = {key: value for key, value in config.items() if key.endswith("_token_id") and value is not None}
    write_bytes(folder / FILE, (model / FILE).read_bytes())
    write_json(folder / SETTINGS, {**_read(model / NAMED), **_read(model / SETTINGS)})
    write_json(folder / CONFIG, numbers)
    if (model / GENERATION).exists():
        write_bytes(folder / GENERATION, (model / GENERATION).read_bytes())
    return special_tokens(load_vocabulary(folder, numbers), model)


def special_tokens(vocabulary: Vocabulary, model: Path) -> SpecialTokens:
    """The special tokens of a model's vocabulary; ``model`` is for the message.

    Raises:
        UserError: no token can stand between documents.
    """
    if all(vocabulary.tokenizer.token_to_id(token) == id for id, token in enumerate(SPECIAL_TOKENS)):
        return OURS
    eos = vocabulary.bos if vocabulary.eos is None else vocabulary.eos
    if eos is None:
        raise UserError(
            f"{model / SETTINGS}: names no bos_token, cls_token, eos_token or sep_token, of which one must "
            "stand between documents; add the model's own"
        )
    return SpecialTokens(
        ids=tuple(sorted(vocabulary.special)),
        pad=vocabulary.pad,
        bos=eos if vocabulary.bos is None else vocabulary.bos,
        eos=eos,
        mask=vocabulary.mask,
        unk=_unknown(vocabulary.tokenizer),
        sentinels=_sentinels(vocabulary.tokenizer),
    )


def _sentinels(tokenizer: Tokenizer) -> tuple[int, ...]:
    found = ([tokenizer.token_to_id(name.format(n)) for n in range(4 * SENTINELS)] for name in SENTINEL_NAMES)
    return max((tuple(id for id in ids if id is not None) for ids in found), key=len)


def _unknown(tokenizer: Tokenizer) -> int | None:
    name: Any = getattr(tokenizer.model, "unk_token", None)
    return tokenizer.token_to_id(name) if isinstance(name, str) else None


def _read(path: Path) -> dict[str, Any]:
    return read_json(path, OWN_FILES) if path.exists() else {}
