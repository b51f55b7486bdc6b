"""Folders of tiny published models, as the class writes them, with a tokenizer of single characters."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import Tensor

from tests.model.published.references import CASES, reference

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "</s>")
LETTERS = "abcdefghij我们喜欢"


def character_tokenizer() -> Tokenizer:
    """Ids 0 to 19: the special tokens, then a token for each of :data:`LETTERS`."""
    vocabulary = {token: id for id, token in enumerate((*SPECIAL, *LETTERS))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.add_special_tokens(list(SPECIAL))
    return tokenizer


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value), "utf-8")


def write_folder(folder: Path, case: str, **config: Any) -> dict[str, Tensor]:
    """A case of references.py as a folder without its weights; returns them. ``config`` changes keys."""
    folder.mkdir(parents=True)
    published = reference(case, 0)
    values = {**json.loads(published.config.to_json_string()), "architectures": [CASES[case][0]], **config}
    write_json(folder / "config.json", values)
    (folder / "tokenizer.json").write_text(character_tokenizer().to_str(), "utf-8")
    names = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]", "eos": "</s>"}
    settings = {f"{name}_token": token for name, token in names.items()}
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", **settings})
    return {name: value.clone() for name, value in published.state_dict().items()}


def write_weights(folder: Path, state: Mapping[str, Tensor]) -> None:
    """model.safetensors with these tensors and no others."""
    save_file({name: value.contiguous() for name, value in state.items()}, folder / "model.safetensors")


def whole_folder(folder: Path, case: str, **config: Any) -> Path:
    """A folder as ``save_pretrained`` writes it: no tensor twice."""
    state = write_folder(folder, case, **config)
    kept: dict[int, str] = {}
    for name, value in reference(case, 0).state_dict().items():
        kept.setdefault(value.data_ptr(), name)
    write_weights(folder, {name: state[name] for name in kept.values()})
    return folder


def change_json(path: Path, **changes: Any) -> None:
    """Change keys of a JSON file, which need not be there."""
    values = json.loads(path.read_text("utf-8")) if path.exists() else {}
    write_json(path, {**values, **changes})
