"""The tokenize stage: what it writes, what it reports, and what it refuses."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.samples import Document, reviews, splits, write_clean
from tokenmill.core.errors import UserError
from tokenmill.core.files import digest_tree, digest_value, sha256_file, write_json
from tokenmill.core.normalization import Normalization, read_normalization
from tokenmill.core.splits import SPLITS, Split
from tokenmill.text.shards import open_split, read_manifest, split_totals
from tokenmill.text.special import OURS, SpecialTokens
from tokenmill.text.tokenizer import BOS, EOS, FILE, fingerprint, load_tokenizer
from tokenmill.tokenization import parts, run
from tokenmill.tokenization.parts import open_table
from tokenmill.tokenization.run import tokenize
from tokenmill.tokenization.settings import TokenizeSettings

SETTINGS = TokenizeSettings(sources=["news", "reviews"], algorithm="bpe", vocab_size=400, max_han_run=8)
ONLY_NEWS = SETTINGS.model_copy(update={"sources": ["news"]})
SOURCES: dict[str, dict[Split, list[Document]]] = {
    "news": splits([(f"今天是{n}月{n}日，星期{n}。", None) for n in range(20)]),
    "reviews": splits(reviews(100, seed=2)),
    "unused": splits([("不在其中", None)]),
}


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    write_clean(tmp_path / "clean", SOURCES)
    return tmp_path / "clean"


def test_shards_hold_every_document_of_every_split(clean: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tokens"
    metrics = tokenize(clean, folder, SETTINGS, name="mine")
    tokenizer = load_tokenizer(folder)
    size = text_tokens = 0
    for split in SPLITS:
        texts = [text for source in ("news", "reviews") for text, _ in SOURCES[source][split]]
        found = open_split(folder, split, fingerprint=fingerprint(folder))
        documents = list(found.each_document())
        assert [tokenizer.decode(d.tolist()) for d in documents] == texts
        assert all(d[0] == BOS and d[-1] == EOS for d in documents)
        assert found.text_bytes == sum(len(text.encode()) for text in texts)
        assert metrics["tokens"][split] == found.tokens
        size += found.text_bytes
        text_tokens += sum(len(d) - 2 for d in documents)
    assert metrics["bytes_per_token"] == pytest.approx(size / text_tokens, abs=1e-4)
    assert metrics["vocab_size"] == 400 and metrics["unknown_share"] == 0


def test_each_source_has_shards_of_its_own(clean: Path, tmp_path: Path) -> None:
    tokenize(clean, tmp_path, SETTINGS, name="mine")
    manifest = read_manifest(tmp_path)
    assert manifest["name"] == "mine" and list(manifest["sources"]) == ["news", "reviews"]
    assert split_totals(manifest, "train", ["news"])["documents"] == 14
    alone = [d.tolist() for d in open_split(tmp_path, "train", sources=["reviews"]).each_document()]
    both = [d.tolist() for d in open_split(tmp_path, "train").each_document()]
    assert both[14:] == alone and len(alone) == 70


def test_parts_and_processes_change_nothing(
    clean: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenize(clean, tmp_path / "whole", SETTINGS, name="mine")
    monkeypatch.setattr(parts, "PART_BYTES", 1000)
    assert len(open_table(clean, "reviews").parts) > 5
    tokenize(clean, tmp_path / "parts", SETTINGS, name="mine", workers=2)
    assert digest_tree(tmp_path / "whole") == digest_tree(tmp_path / "parts")


def test_the_tokenizer_sees_the_train_split_alone(clean: Path, tmp_path: Path) -> None:
    tokenize(clean, tmp_path / "one", SETTINGS, name="mine")
    reviews_too: dict[Split, list[Document]] = {**SOURCES["reviews"], "test": [("完全不同的文字" * 50, None)]}
    changed = {**SOURCES, "reviews": reviews_too}
    write_clean(tmp_path / "clean2", changed)
    tokenize(tmp_path / "clean2", tmp_path / "two", SETTINGS, name="mine")
    assert fingerprint(tmp_path / "one") == fingerprint(tmp_path / "two")
    assert digest_tree(tmp_path / "one") != digest_tree(tmp_path / "two")


def test_the_manifest_tells_the_ancestry(clean: Path, tmp_path: Path) -> None:
    tokenize(clean, tmp_path / "tokens", SETTINGS, name="mine")
    manifest = read_manifest(tmp_path / "tokens")
    of_clean = json.loads((clean / "manifest.json").read_text("utf-8"))
    assert manifest["tokenizer"] == fingerprint(tmp_path / "tokens")
    assert manifest["ancestry"] == {
        "clean": sha256_file(clean / "manifest.json"),
        "clean_params": of_clean["params"]["sha256"],
        "raw": {source: of_clean["raw"][source]["sha256"] for source in ("news", "reviews")},
    }


def test_the_normalisation_of_its_texts_goes_with_the_shards(clean: Path, tmp_path: Path) -> None:
    manifest = json.loads((clean / "manifest.json").read_text("utf-8"))
    steps = {"remove_html": True, "simplify_chinese": True, "replace_pii": False}
    manifest["params"]["measure"] = steps
    manifest["raw"]["news"]["remove_html"] = False
    write_json(clean / "manifest.json", manifest)
    for settings, html in ((SETTINGS, True), (ONLY_NEWS, False)):
        folder = tmp_path / str(html)
        tokenize(clean, folder, settings, name="mine")
        assert read_normalization(folder) == Normalization(**{**steps, "remove_html": html})


def test_equal_inputs_give_equal_bytes(clean: Path, tmp_path: Path) -> None:
    tokenize(clean, tmp_path / "one", SETTINGS, name="mine")
    tokenize(clean, tmp_path / "two", SETTINGS, name="mine")
    assert digest_tree(tmp_path / "one") == digest_tree(tmp_path / "two")


def test_a_split_without_documents_is_written_as_empty(clean: Path, tmp_path: Path) -> None:
    write_clean(tmp_path / "clean2", {"news": {"train": SOURCES["news"]["train"]}})
    metrics = tokenize(tmp_path / "clean2", tmp_path / "tokens", ONLY_NEWS, name="mine")
    assert metrics["tokens"]["test"] == 0
    with pytest.raises(UserError, match=r"test split is empty; give it a larger share under clean\.split"):
        open_split(tmp_path / "tokens", "test")


def test_nothing_to_train_on_is_a_clear_error(tmp_path: Path) -> None:
    write_clean(tmp_path / "clean", {"news": {"test": [("a", None)]}})
    with pytest.raises(
        UserError, match=r"no training documents in news; name more under tokenize\.mine\.sources"
    ):
        tokenize(tmp_path / "clean", tmp_path / "tokens", ONLY_NEWS, name="mine")


def test_a_source_that_clean_does_not_have(clean: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"knows no source 'other', which tokenize\.mine\.sources names"):
        tokenize(clean, tmp_path / "tokens", SETTINGS.model_copy(update={"sources": ["other"]}), name="mine")


def test_a_broken_or_missing_manifest_of_clean(clean: Path, tmp_path: Path) -> None:
    (clean / "manifest.json").write_text("{", "utf-8")
    with pytest.raises(UserError, match=r"manifest.json: not readable as JSON"):
        tokenize(clean, tmp_path / "tokens", SETTINGS, name="mine")
    (clean / "manifest.json").unlink()
    with pytest.raises(UserError, match=r"manifest.json: missing; make it with `dvc repro -f clean`"):
        tokenize(clean, tmp_path / "tokens", SETTINGS, name="mine")


def test_much_text_is_sampled_evenly_for_training(
    clean: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every third document here: the tokenizer is that of a corpus of these alone."""
    train = SOURCES["reviews"]["train"]
    write_clean(tmp_path / "third", {"reviews": {"train": train[::3]}})
    size = sum(len(text.encode()) for text, _ in train)
    reviews_only = SETTINGS.model_copy(update={"sources": ["reviews"]})
    tokenize(tmp_path / "third", tmp_path / "one", reviews_only, name="mine")
    monkeypatch.setattr(run, "TRAINING_BYTES", size // 2 - 1)
    tokenize(clean, tmp_path / "two", reviews_only, name="mine")
    assert fingerprint(tmp_path / "one") == fingerprint(tmp_path / "two")


def test_our_own_tokenizer_is_taken_and_gives_the_same_shards(clean: Path, tmp_path: Path) -> None:
    tokenize(clean, tmp_path / "one", SETTINGS, name="mine")
    model = tmp_path / "model"
    model.mkdir()
    (model / FILE).write_bytes((tmp_path / "one" / FILE).read_bytes())
    write_json(
        model / "tokenizer_config.json", {"cls_token": "<bos>", "sep_token": "<eos>", "mask_token": "<mask>"}
    )
    write_json(model / "config.json", {"bos_token_id": BOS, "eos_token_id": EOS, "pad_token_id": 0})
    take = TokenizeSettings(sources=SETTINGS.sources, from_pretrained="data/sources/model")
    take = take.model_copy(update={"from_pretrained": str(model)})
    tokenize(clean, tmp_path / "two", take, name="mine")
    assert read_manifest(tmp_path / "one") == read_manifest(tmp_path / "two")
    assert SpecialTokens.from_json(read_manifest(tmp_path / "two")["special"]) == OURS


def test_tokenize_never_loads_torch() -> None:
    code = "import sys, tokenmill.tokenization.run; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_a_source_that_the_tokenizer_does_not_know_is_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """A small vocabulary, and text that has nothing in common with itself."""
    digests = [(digest_value(n)[:20], None) for n in range(30)]
    write_clean(tmp_path / "clean", SOURCES | {"digests": splits(digests)})
    settings = SETTINGS.model_copy(update={"sources": ["news", "digests"], "vocab_size": 315})
    tokenize(tmp_path / "clean", tmp_path / "tokens", settings, name="mine")
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("warning: the tokenizer does not fit digests: 1.")
    assert said.endswith(
        "train one with it under tokenize.mine.sources in params.yaml, or raise its vocab_size"
    )
