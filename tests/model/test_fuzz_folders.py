"""Model folders with anything wrong in any file: read and used, or refused in one line, never more than that.

A few seconds in CI. By hand, for as long as it takes:
``HYPOTHESIS_PROFILE=long pytest -n 0 --timeout 0 tests/model/test_fuzz_folders.py``.
"""

import json
import shutil
import struct
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.model.published.folders import whole_folder
from tests.tiny_models import write_model
from tokenmill.core.errors import UserError
from tokenmill.inference import api
from tokenmill.model.folder import read_model

EXAMPLES = None if settings.get_profile("long") is settings.default else 10
CASES = ("bert", "bert classifies texts", "gpt2", "opt", "llama", "qwen3", "modernbert", "t5 1.0")
OURS = ("small-gpt", "small-t5", "lstm")
JSON_FILES = (
    "config.json",
    "generation_config.json",
    "tokenizer_config.json",
    "tokenizer.json",
    "index.json",
)

ODD = st.one_of(
    st.none(), st.booleans(), st.sampled_from([0, 1, 2, 3, -1, 7, 2**16, 2**31, 2**62, 2**63, 10**30]),
    st.floats(), st.text(max_size=8), st.just("\n\x1b[31m"),
    st.sampled_from(["", "0", "relu", "x" * 100_000, "regression"]),
    st.lists(st.integers(-2, 2**33), max_size=3),
    st.dictionaries(st.text(max_size=4), st.integers(), max_size=3),
    st.just([[]]), st.just({"a": {"b": [1, {"c": None}]}}),
)  # fmt: skip


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A whole folder of each published layout and of our own; what is mutated are copies."""
    root = tmp_path_factory.mktemp("folders")
    found = {case: whole_folder(root / case.replace(" ", "-"), case) for case in CASES}
    kinds = {"small-t5": "text-to-text"}
    for family in OURS:
        found[family] = write_model(root / family, kinds.get(family, "causal-lm"), family=family)  # type: ignore[arg-type]
        (found[family] / "ancestry.json").unlink()  # else no tokenizer but its own is looked at
    for folder in found.values():
        if not (folder / "generation_config.json").exists():
            (folder / "generation_config.json").write_text('{"eos_token_id": [5, 3], "do_sample": false}')
    return found


def odd(draw: Callable[[Any], Any]) -> Any:
    """A value of its own: the strategy's may be shared."""
    return json.loads(json.dumps(draw(ODD)))


def keys_of(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to each value within a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way for key, inner in items for way in ((*path, key), *keys_of(inner, (*path, key)))]


def mutate(draw: Callable[[Any], Any], value: Any) -> Any:
    """One to three changes: a value replaced, a key removed, a key more."""
    value = json.loads(json.dumps(value))
    for _ in range(draw(st.integers(1, 3))):
        ways = keys_of(value)
        if not ways:
            return odd(draw)
        *way, last = draw(st.sampled_from(ways))
        holder = value
        for key in way:
            holder = holder[key]
        how = draw(st.sampled_from(["odd", "remove", "add"]))
        if how == "remove":
            del holder[last]
        elif how == "add" and isinstance(holder, dict):
            holder[draw(st.text(max_size=6))] = odd(draw)
        else:
            holder[last] = odd(draw)
    return value


def change_header(draw: Callable[[Any], Any], path: Path) -> None:
    """Names, shapes, formats and offsets in a safetensors header."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = mutate(draw, json.loads(data[8 : 8 + length]))
    text = json.dumps(header).encode()
    path.write_bytes(
        struct.pack("<Q", draw(st.sampled_from([len(text)] * 6 + [0, 2**62]))) + text + data[8 + length :]
    )


def change_index(draw: Callable[[Any], Any], folder: Path) -> None:
    """The weights behind an index, which is changed."""
    (folder / "model.safetensors").rename(folder / "part.safetensors")
    index = {"metadata": {"total_size": 1}, "weight_map": {"a": "part.safetensors", "b": "part.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(mutate(draw, index)), "utf-8")


def change_bytes(draw: Callable[[Any], Any], path: Path) -> None:
    """Cut, or with some bytes replaced."""
    data = bytearray(path.read_bytes())
    if draw(st.booleans()):
        del data[draw(st.integers(0, len(data))) :]
    for _ in range(draw(st.integers(0, 4)) if data else 0):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    path.write_bytes(data)


def change_weights(draw: Callable[[Any], Any], folder: Path) -> None:
    """The tensors as a pickle, with one of them odd."""
    from safetensors.torch import load_file

    state: dict[Any, Any] = dict(load_file(folder / "model.safetensors"))
    (folder / "model.safetensors").unlink()
    name = draw(st.sampled_from(sorted(state)))
    value = state[name]
    state[name] = draw(
        st.sampled_from(
            [None, [value], value.double(), value.to(torch.int8), value * torch.nan, value * 1e38 * 1e38,
             value[:1], value.to_sparse(), torch.zeros(1).expand(2**20, 2**20), value.new_empty(0),
             value * 1e30, {"x": value}]
        )
    )  # fmt: skip
    torch.save(
        draw(st.sampled_from([state, {"state_dict": state}, [state], state[name]])),
        folder / "pytorch_model.bin",
    )


def use(folder: Path) -> None:
    """Everything that a model of this kind is for, on two short texts."""
    loaded = read_model(folder)
    kind, texts = loaded.model.config.kind, ["ab 我们", "c"]
    api.embed(loaded, texts)
    if kind in ("causal-lm", "text-to-text"):
        api.generate(loaded, texts, max_new_tokens=3)
        api.generate(loaded, texts, max_new_tokens=3, num_beams=2)
        api.score(loaded, texts, sources=texts if kind == "text-to-text" else None)
    if kind == "masked-lm":
        api.fill(loaded, f"ab{loaded.vocabulary.token(loaded.vocabulary.mask or 0)}")
        api.score(loaded, texts)
    if kind == "sequence-classifier":
        api.classify(loaded, texts)


@pytest.mark.parametrize("what", [*JSON_FILES, "header", "bytes", "weights"])
def test_a_folder_is_used_or_refused_in_one_line(
    what: str, folders: dict[str, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    @settings(settings.default, **({} if EXAMPLES is None else {"max_examples": EXAMPLES}))
    @given(st.data())
    def check(data: st.DataObject) -> None:
        folder = tmp_path / "model"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(folders[data.draw(st.sampled_from(sorted(folders)))], folder)
        if what == "index.json":
            change_index(data.draw, folder)
        elif what in JSON_FILES:
            changed = mutate(data.draw, json.loads((folder / what).read_text("utf-8")))
            (folder / what).write_text(json.dumps(changed), "utf-8")
        elif what == "header":
            change_header(data.draw, folder / "model.safetensors")
        elif what == "weights":
            change_weights(data.draw, folder)
        else:
            change_bytes(data.draw, folder / data.draw(st.sampled_from(["config.json", "model.safetensors"])))
        try:
            use(folder)
        except UserError as error:
            message = str(error)
            assert message.isprintable() and len(message) < 2000, message[:3000]

    with warnings.catch_warnings(action="ignore"):
        check()
    capfd.readouterr()  # a panic of the tokenizers library speaks for itself before it is caught
