"""The tokenizer of a model that is on disk: ours, or a downloaded one."""

from pathlib import Path
from typing import Any

from tokenmill.core.errors import UserError
from tokenmill.core.files import read_json, write_bytes, write_json
from tokenmill.text.special import SpecialTokens, special_tokens
from tokenmill.text.tokenizer import FILE
from tokenmill.text.vocabulary import SETTINGS, load_vocabulary

CONFIG, NAMED, GENERATION = "config.json", "special_tokens_map.json", "generation_config.json"
OWN_FILES = "take the model's own file"


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


def _read(path: Path) -> dict[str, Any]:
    return read_json(path, OWN_FILES) if path.exists() else {}
