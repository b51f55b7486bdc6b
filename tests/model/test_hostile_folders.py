"""Folders from strangers: nothing runs, nothing blocks, nothing is built of what the files do not hold."""

import json
import os
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.model.published.folders import change_json, whole_folder, write_json
from tests.tiny_models import write_model
from tokenmill.core.errors import UserError
from tokenmill.inference import api
from tokenmill.model.exchange import import_model
from tokenmill.model.folder import read_model

FILES = (
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "generation_config.json",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = whole_folder(tmp_path / "model", "gpt2")
    write_json(folder / "generation_config.json", {"eos_token_id": 5})
    return folder


def refused(folder: Path, message: str, read: Callable[[Path], object] = read_model) -> None:
    with pytest.raises(UserError, match=message) as error:
        read(folder)
    assert str(error.value).isprintable() and len(str(error.value)) < 2000


def test_the_folder_itself_is_used(folder: Path) -> None:
    assert api.generate(folder, "abc", max_new_tokens=2)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("what", ["pipe", "device", "folder", "link to itself"])
def test_what_stands_in_a_file_s_place_is_named_and_not_waited_for(
    name: str, what: str, folder: Path
) -> None:
    path = folder / name
    path.unlink()
    if what == "pipe":
        os.mkfifo(path)
    elif what == "device":
        path.symlink_to("/dev/zero")
    elif what == "folder":
        path.mkdir()
    else:
        path.symlink_to(path)
        if name in ("tokenizer_config.json", "generation_config.json"):
            read_model(folder)  # as if there were none
            return
    refused(folder, rf"{name}: (is no file|missing|cannot be read)")


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".json")])
def test_json_nested_without_end_is_one_line(name: str, folder: Path) -> None:
    (folder / name).write_text("[" * 100_000 + "]" * 100_000)
    refused(folder, f"{name}: (not readable as JSON|holds no tokenizer)")
    (folder / name).write_text('{"a":' * 100_000 + "1" + "}" * 100_000)
    refused(folder, f"{name}: (not readable as JSON|holds no tokenizer)")


def test_a_json_file_of_any_size_is_not_read(folder: Path) -> None:
    with (folder / "config.json").open("r+b") as file:
        file.truncate(10**12)  # sparse
    refused(folder, "config.json: has 1,000,000,000,000 bytes, at most 16,777,216 are read")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers": 10**9}, "asks for 1000000000 layers, but the weights have 25 tensors"),
        ({"layers": 20}, "the weights lack"),
        ({"width": 2**30, "heads": 2}, "no model can be built of it"),
        ({"width": 2**16, "heads": 2}, "config.json asks for"),
        ({"vocab_size": 2**31}, "config.json asks for"),
        ({"context": 2**31}, "asks for a context of 2147483648, at most 1048576"),
        ({"layers": "2"}, "layers cannot be 2; was it written by another version"),
        ({"layers": True}, "layers cannot be True"),
        ({"layers": 2.0}, "layers cannot be 2.0"),
        ({"norm_eps": float("inf")}, "norm_eps cannot be inf"),
        ({"rotary_base": -1.0}, "rotary_base must be above 0"),
        ({"labels": "ab"}, "labels cannot be ab"),
        ({"labels": [1]}, r"labels cannot be \[1\]"),
        ({"family": ["small-gpt"]}, "family must be one of"),
        ({"global_every": 0}, "global_every must be at least 1"),
        ({"cell": "lstm", "family": "lstm"}, "the weights lack"),
        ({"x" * 100_000: 1}, "is not known; was it written by another version"),
    ],
)  # fmt: skip
def test_our_own_config_is_checked_before_anything_is_built(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    folder = write_model(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    write_json(folder / "config.json", {**config, "tokenmill": {**config["tokenmill"], **changes}})
    began = time.process_time()
    refused(folder, message)
    assert time.process_time() - began < 20
    write_json(folder / "config.json", {**config, "tokenmill": [1]})
    refused(folder, "tokenmill must be an object")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([torch.ones(2)], "holds no table of plain tensors by name, but list"),
        ({"state_dict": {"a": torch.ones(2)}, "epoch": 3}, "but state_dict, epoch"),
        ({3: torch.ones(2)}, "holds no table of plain tensors by name, but 3"),
        ({"a": torch.zeros(1).expand(2**20, 2**20)}, "holds no table of plain tensors by name"),
        ({"a": torch.ones(2, 2).to_sparse()}, "holds no table of plain tensors by name"),
        ({"code": UserError}, "not readable as plain tensors"),
        ({}, "the weights hold no tensors"),
    ],
)  # fmt: skip
def test_a_pickle_holds_tensors_by_name_or_is_refused(content: Any, message: str, folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save(content, folder / "pytorch_model.bin")
    refused(folder, message)


def test_code_in_a_pickle_never_runs(folder: Path, tmp_path: Path) -> None:
    class Harm:
        def __reduce__(self) -> tuple[Any, ...]:
            return (os.mkdir, (str(tmp_path / "harm"),))

    (folder / "model.safetensors").unlink()
    torch.save({"a": Harm()}, folder / "pytorch_model.bin")
    refused(folder, "pytorch_model.bin: not readable as plain tensors")
    write_json(folder / "pytorch_model.bin.index.json", {"weight_map": {"a": "pytorch_model.bin"}})
    refused(folder, "pytorch_model.bin: not readable as plain tensors", lambda f: import_model(f, f / "new"))
    assert not (tmp_path / "harm").exists()


def test_a_pickle_that_unpacks_to_more_than_it_is_is_refused(folder: Path) -> None:
    state = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(state, folder / "plain.bin")
    with (
        zipfile.ZipFile(folder / "plain.bin") as plain,
        zipfile.ZipFile(folder / "pytorch_model.bin", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in plain.namelist():
            packed.writestr(name, plain.read(name))
    refused(folder, "its entries are compressed, as torch.save never writes them")


@pytest.mark.parametrize(
    "index",
    [
        {}, {"weight_map": None}, {"weight_map": ["a"]}, {"weight_map": {}}, {"weight_map": {"a": 3}},
        {"weight_map": {"a": "../model/model.safetensors"}}, {"weight_map": {"a": ""}},
        {"weight_map": {"a": "a\n"}},
        {"weight_map": {"a": "x" * 5000}}, {"weight_map": {"a": "/etc/passwd"}},
    ],
)  # fmt: skip
def test_an_index_names_files_beside_it_or_is_refused(index: dict[str, Any], folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "part.safetensors")
    write_json(folder / "model.safetensors.index.json", index)
    refused(folder, "weight_map must name the file of each tensor")
    write_json(folder / "model.safetensors.index.json", {"weight_map": {"a": "other.safetensors"}})
    refused(folder, "other.safetensors: missing")


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_weights_that_are_no_finite_numbers_are_said_when_they_are_read(value: float, folder: Path) -> None:
    from tests.model.published.folders import write_weights

    state = load_file(folder / "model.safetensors")
    state["transformer.h.1.ln_1.weight"][3] = value
    write_weights(folder, state)
    refused(folder, "transformer.h.1.ln_1.weight holds values that are no finite numbers")


@pytest.mark.parametrize(
    "settings", [{"temperature": 0}, {"temperature": 1.0}, {"num_beams": 2}, {"top_p": 0.5}]
)
def test_outputs_that_overflow_are_one_line_and_choose_nothing(
    settings: dict[str, Any], folder: Path
) -> None:
    from tests.model.published.folders import write_weights

    state = load_file(folder / "model.safetensors")
    for name in state:
        state[name] = state[name] * 1e36
    write_weights(folder, state)
    loaded = read_model(folder)
    refused(
        folder, "outputs are not numbers", lambda _: api.generate(loaded, "abc", max_new_tokens=2, **settings)
    )
    refused(folder, "outputs are not numbers", lambda _: api.score(loaded, "abc"))
    refused(folder, "outputs are not numbers", lambda _: api.embed(loaded, "abc"))


def test_a_masked_model_whose_tokenizer_has_no_mask_says_so(tmp_path: Path) -> None:
    folder = whole_folder(tmp_path / "model", "bert")
    change_json(folder / "tokenizer_config.json", mask_token=None)
    for call in (api.score, api.fill):
        refused(folder, "tokenizer names no mask_token", lambda f, call=call: call(f, "abc"))


def test_a_stranger_s_tokenizer_is_opened_elsewhere_first(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    content = json.loads((folder / "tokenizer.json").read_text())
    content["pre_tokenizer"] = {"type": "FixedLength", "length": 0}  # the library panics over it
    write_json(folder / "tokenizer.json", content)
    refused(folder, "the tokenizers library breaks down over it", lambda f: import_model(f, tmp_path / "new"))
    assert "panicked" not in capfd.readouterr().err and not (tmp_path / "new").exists()


def test_words_in_messages_are_bounded_and_on_one_line(tmp_path: Path) -> None:
    folder = whole_folder(tmp_path / "model", "gpt2")
    change_json(folder / "config.json", **{"a\nb\x1b[31m" + "x" * 10**6: "y" * 10**6})
    refused(folder, r"a\\nb\\x1b\[31mxxx")
