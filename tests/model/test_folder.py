"""Model folders: a round trip is exact, equal models are equal bytes, broken folders say what is wrong."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.tiny_models import TEXTS, tiny_model, write_model, write_tokenizer
from tokenmill.core.errors import UserError
from tokenmill.model.families import FAMILIES
from tokenmill.model.folder import load_model, read_model, save_model
from tokenmill.model.names import Family, Kind
from tokenmill.model.published import architectures
from tokenmill.text.tokenizer import fingerprint

KINDS: list[Kind] = [
    "features",
    "sequence-classifier",
    "token-classifier",
    "character-classifier",
    "span-extractor",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model")


def check_round_trip(folder: Path, again: Path) -> None:
    """Loading and saving returns the same bytes, file by file."""
    model, _ = load_model(folder)
    ancestry = json.loads((folder / "ancestry.json").read_text())
    save_model(again, model, tokenizer=folder, ancestry=ancestry)
    names = sorted(path.name for path in folder.iterdir())
    assert names == sorted(path.name for path in again.iterdir())
    for name in names:
        assert (again / name).read_bytes() == (folder / name).read_bytes(), name


@pytest.mark.parametrize("family", FAMILIES)
def test_a_round_trip_of_every_family_returns_the_same_bytes(family: Family, tmp_path: Path) -> None:
    kind = FAMILIES[family]["kind"]
    check_round_trip(write_model(tmp_path / "model", kind, family=family), tmp_path / "again")


@pytest.mark.parametrize("embedding_norm", ["none", "plain"])
def test_a_small_gpt_with_an_output_layer_of_its_own_keeps_it(embedding_norm: str, tmp_path: Path) -> None:
    model = tiny_model("causal-lm", tied=False, embedding_norm=embedding_norm)
    source = write_tokenizer(tmp_path / "tokenizer")
    save_model(tmp_path / "model", model, tokenizer=source, ancestry={"tokenizer": fingerprint(source)})
    again, _ = load_model(tmp_path / "model")
    assert published_name(tmp_path / "model") == ("Qwen3ForCausalLM" if embedding_norm == "none" else None)
    for (name, one), (_, other) in zip(model.state_dict().items(), again.state_dict().items(), strict=True):
        assert torch.equal(one, other), name


def test_a_bilinear_head_keeps_its_matrix_and_folded_it_is_a_published_model(tmp_path: Path) -> None:
    model = tiny_model("causal-lm", head="bilinear")
    with torch.no_grad():
        for weight in (model.projection.dense.weight, model.backbone.embeddings.token.weight):
            weight.normal_()
    source = write_tokenizer(tmp_path / "tokenizer")
    tokens = torch.randint(5, model.config.vocab_size, (2, 8), generator=torch.Generator().manual_seed(1))
    for name, one, published in (("own", model, None), ("folded", model.folded(), "Qwen3ForCausalLM")):
        save_model(tmp_path / name, one, tokenizer=source, ancestry={"tokenizer": fingerprint(source)})
        assert published_name(tmp_path / name) == published
        again, _ = load_model(tmp_path / name)
        torch.testing.assert_close(again(tokens), model(tokens), atol=1e-4, rtol=1e-4)
    assert again.folded() is again


def published_name(folder: Path) -> str | None:
    """The class that a folder says it is of."""
    names = json.loads((folder / "config.json").read_text()).get("architectures")
    return None if names is None else str(names[0])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", ["small-bert", "small-gpt", "bert", "gpt2"])
def test_a_round_trip_of_every_kind_returns_the_same_bytes(
    family: Family, kind: Kind, tmp_path: Path
) -> None:
    folder = write_model(tmp_path / "model", kind, family=family)
    check_round_trip(folder, tmp_path / "again")
    config = json.loads((folder / "config.json").read_text())
    published = architectures.published_class(load_model(folder)[0].config)
    assert config.get("architectures") == ([published] if published else None)


def test_the_readme_says_what_the_model_is_and_how_to_use_it(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model", "sequence-classifier", family="bert")
    text = (folder / "README.md").read_text("utf-8")
    for part in (
        "library_name: transformers\npipeline_tag: text-classification\n",
        "# A bert model (sequence-classifier)",
        "vocabulary of 320 tokens",
        "Its labels are negative, positive.",
        "tokenmill.classify(model, ...)",
        "loads it as `BertForSequenceClassification`",
        f"- tokenizer: `{fingerprint(folder)}`",
    ):
        assert part in text
    other = (write_model(tmp_path / "lstm", family="lstm") / "README.md").read_text("utf-8")
    assert "library_name: tokenmill\n" in other and "transformers" not in other


def test_loading_returns_the_model_and_leaves_the_random_state_alone(folder: Path) -> None:
    torch.manual_seed(7)
    model, vocabulary = load_model(folder)
    state = torch.random.get_rng_state()
    torch.manual_seed(7)
    assert torch.equal(state, torch.random.get_rng_state()), "loading drew from the caller's random state"
    ids = torch.tensor(vocabulary.encode(TEXTS[:1]))
    assert torch.equal(model(ids), tiny_model()(ids))
    assert not model.training


def test_weights_in_several_files_and_in_pickled_ones_are_read(folder: Path) -> None:
    model, _ = load_model(folder)
    weights = folder / "model.safetensors"
    stored = load_file(weights)
    weights.unlink()
    torch.save(stored, folder / "pytorch_model.bin")
    pickled, _ = load_model(folder)
    (folder / "pytorch_model.bin").unlink()
    names = sorted(stored)
    parts = {"one.safetensors": names[::2], "two.safetensors": names[1::2]}
    for file, chosen in parts.items():
        save_file({name: stored[name].half() for name in chosen}, folder / file)
    index = {"weight_map": {name: file for file, chosen in parts.items() for name in chosen}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    halved, _ = load_model(folder)
    for (name, whole), (_, half) in zip(model.named_parameters(), halved.named_parameters(), strict=True):
        assert half.dtype == torch.float32 and torch.equal(half, whole.half().float()), name
        assert torch.equal(pickled.state_dict()[name], whole), name


def test_a_pickle_that_is_more_than_tensors_is_not_opened(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save({"code": UserError}, folder / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"pytorch_model\.bin: not readable as plain tensors"):
        load_model(folder)


def test_tensors_without_a_place_are_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stored = load_file(folder / "model.safetensors")
    save_file({**stored, "model.extra.weight": torch.zeros(2)}, folder / "model.safetensors")
    assert read_model(folder).unexpected_keys == ("model.extra.weight",)
    load_model(folder)
    assert "not used by a causal-lm model: model.extra.weight" in capsys.readouterr().err


def truncate(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def other_tokenizer(folder: Path) -> None:
    write_tokenizer(folder, vocab_size=310)


def change_config(folder: Path, **changes: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["tokenmill"].update(changes)
    (folder / "config.json").write_text(json.dumps(config))


def lose_a_tensor(folder: Path) -> None:
    stored = load_file(folder / "model.safetensors")
    del stored["model.layers.1.self_attn.q_proj.weight"]
    save_file(stored, folder / "model.safetensors")


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (truncate, "model.safetensors: broken"),
        (lambda f: (f / "model.safetensors").unlink(), "model.safetensors: missing"),
        (lambda f: (f / "config.json").unlink(), "config.json: missing"),
        (lambda f: (f / "config.json").write_text("{"), "not readable as JSON"),
        (lambda f: (f / "config.json").write_text("[]"), "must be a JSON object, got list"),
        (lambda f: (f / "config.json").write_text("{}"), "architectures is empty"),
        (lambda f: (f / "tokenizer.json").unlink(), "tokenizer.json: missing"),
        (lambda f: (f / "tokenizer.json").write_text("{}"), "fingerprint"),
        (other_tokenizer, "the model was trained with"),
        (lambda f: change_config(f, layers=3), "weights lack model.layers.2.input.*of different models"),
        (lambda f: change_config(f, width=64), "of different models"),
        (lambda f: change_config(f, heads=5), "width must be a multiple of heads"),
        (lambda f: change_config(f, activation="mish"), "activation must be one of"),
        (lose_a_tensor, "weights lack model.layers.1.self_attn.q_proj.weight"),
    ],
)
def test_a_broken_folder_is_one_clear_line(folder: Path, harm, message: str) -> None:
    harm(folder)
    with pytest.raises(UserError, match=message) as error:
        load_model(folder)
    assert "\n" not in str(error.value)


def test_a_foreign_folder_without_a_tokenizer_says_so(folder: Path) -> None:
    (folder / "ancestry.json").unlink()
    (folder / "tokenizer.json").unlink()
    with pytest.raises(UserError, match="save the model's tokenizer in that format beside its weights"):
        load_model(folder)


def test_a_tokenizer_larger_than_the_model_is_refused(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model")
    (folder / "ancestry.json").unlink()
    tokenizer = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    last = {**tokenizer["added_tokens"][-1], "content": "<one more>", "id": 320}
    tokenizer["added_tokens"].append(last)
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), "utf-8")
    with pytest.raises(
        UserError, match=r"tokenizer\.json: has 321 tokens, but the model's vocabulary is 320"
    ):
        load_model(folder)
