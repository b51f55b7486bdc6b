"""The public functions, ``tokenmill.generate`` and its kin, on folders and on loaded models."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import tokenmill
from tests.tiny_models import write_model
from tokenmill.core.errors import UserError
from tokenmill.inference import api


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model of each kind."""
    folder = tmp_path_factory.mktemp("models")
    kinds = ("causal-lm", "masked-lm", "text-to-text", "sequence-classifier", "token-classifier")
    for kind in (*kinds, "span-extractor"):
        write_model(folder / kind, kind)
    return folder


def test_a_folder_and_a_loaded_model_give_the_same(folder: Path) -> None:
    path = folder / "causal-lm"
    loaded = tokenmill.load(path)
    assert loaded.model.config.kind == "causal-lm" and not loaded.model.training
    texts = ["我喜欢", "a"]
    settings = {"max_new_tokens": 5, "num_return_sequences": 2, "seed": 3}
    found = tokenmill.generate(loaded, texts, **settings)
    assert [len(row) for row in found] == [2, 2]
    assert found == tokenmill.generate(str(path), texts, **settings)
    assert tokenmill.score(loaded, texts) == tokenmill.score(path, texts)
    assert (tokenmill.embed(loaded, texts) == tokenmill.embed(path, texts)).all()


def test_a_single_text_is_a_list_of_one(folder: Path) -> None:
    path = folder / "causal-lm"
    one, many = (tokenmill.generate(path, texts, max_new_tokens=5) for texts in ("我喜欢", ["我喜欢"]))
    assert one == many and len(one) == 1
    assert tokenmill.embed(path, "我喜欢").shape == (1, 32)


def test_classify_gives_every_label_the_likeliest_first(folder: Path) -> None:
    found = tokenmill.classify(folder / "sequence-classifier", ["好书", "坏书"])
    for probabilities in found:
        values = list(probabilities.values())
        assert set(probabilities) == {"negative", "positive"}
        assert sum(values) == pytest.approx(1, abs=1e-5) and values == sorted(values, reverse=True)


def test_tags_answers_fillings_and_scores(folder: Path) -> None:
    (spans,) = tokenmill.tag(folder / "token-classifier", "我a")
    assert (spans[0].start, spans[-1].end) == (0, 2)
    passage = "books and films"
    (found,) = tokenmill.answer(folder / "span-extractor", "看电影", passage, top_k=2)
    assert [span.label for span in found.spans] == [passage[span.start : span.end] for span in found.spans]
    ((candidates,),) = tokenmill.fill(folder / "masked-lm", "我<mask>电影", top_k=3)
    assert len(candidates) == 3
    (scored,) = tokenmill.score(folder / "text-to-text", "我", sources="喜欢")
    assert scored.total == pytest.approx(sum(scored.log_probabilities)) and scored.total < 0


def test_mistakes_are_one_line(folder: Path) -> None:
    with pytest.raises(UserError, match=r"config\.json: missing"):
        tokenmill.load(folder / "nothing")
    with pytest.raises(UserError, match="1 questions for 2 passages; give one for each passage"):
        tokenmill.answer(folder / "span-extractor", "a", ["b", "c"])
    with pytest.raises(UserError, match="give a sequence-classifier"):
        tokenmill.classify(folder / "causal-lm", "好书")


def test_every_public_function_is_documented_and_listed() -> None:
    own = {name for name, f in inspect.getmembers(api, inspect.isfunction) if f.__module__ == api.__name__}
    assert {name for name in own if name[0] != "_"} == set(tokenmill.__all__) <= set(dir(tokenmill))
    assert all(inspect.getdoc(getattr(tokenmill, name)) for name in tokenmill.__all__)
    stub = Path(tokenmill.__file__).with_suffix(".pyi").read_text("utf-8")
    assert [line.split()[-1] for line in stub.splitlines()] == tokenmill.__all__
    with pytest.raises(AttributeError, match="no attribute 'train'"):
        tokenmill.train  # noqa: B018


def test_importing_the_package_loads_nothing() -> None:
    code = "import sys, typing, tokenmill; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    own = [name for name in done.stdout.split() if name.partition(".")[0] not in sys.stdlib_module_names]
    assert [name for name in own if name.startswith("tokenmill")] == ["tokenmill"]
    assert not {"torch", "numpy", "tokenizers", "typer"} & set(own)


def test_the_module_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "tokenmill"], capture_output=True, text=True)
    assert "generate" in done.stdout + done.stderr
