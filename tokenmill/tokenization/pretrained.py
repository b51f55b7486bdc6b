"""The tokenizer of a model that is on disk: ours, or a downloaded one."""

from pathlib import Path

from tokenmill.core.errors import UserError
from tokenmill.core.files import read_json, read_regular, write_bytes, write_json
from tokenmill.text.classes import (
    CONFIG,
    GENERATION,
    REMEDY,
    SETTINGS,
    SETTINGS_BYTES,
    read_tokenizer_settings,
)
from tokenmill.text.special import SpecialTokens, special_tokens
from tokenmill.text.tokenizer import FILE, LARGEST
from tokenmill.text.vocabulary import load_vocabulary


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
    config = read_json(model / CONFIG, REMEDY, most=SETTINGS_BYTES) if (model / CONFIG).exists() else {}
    numbers = {key: value for key, value in config.items() if key.endswith("_token_id") and value is not None}
    write_bytes(folder / FILE, read_regular(model / FILE, REMEDY, most=LARGEST))
    write_json(folder / SETTINGS, read_tokenizer_settings(model))
    write_json(folder / CONFIG, numbers)
    if (model / GENERATION).exists():
        write_bytes(folder / GENERATION, read_regular(model / GENERATION, REMEDY, most=SETTINGS_BYTES))
    return special_tokens(load_vocabulary(folder, numbers), model)
