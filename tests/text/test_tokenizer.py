"""Opening a tokenizer: what is checked, and how documents become ids."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, trainers

from tests.samples import reviews
from tokenmill.core.errors import UserError
from tokenmill.text.tokenizer import BOS, EOS, encode_document, encode_documents, fingerprint, load_tokenizer
from tokenmill.text.vocabulary import framed
from tokenmill.tokenization.train import train_tokenizer

TEXTS = [text for text, _ in reviews(60, seed=1)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("tokenizer")
    trained = train_tokenizer(TEXTS, algorithm="bpe", vocab_size=340, max_han_run=8)
    (place / "tokenizer.json").write_text(trained.to_str(), "utf-8")
    return place


def test_a_document_is_framed(folder: Path) -> None:
    tokenizer = load_tokenizer(folder)
    ids = encode_document(tokenizer, "房间很干净")
    assert (ids[0], ids[-1]) == (BOS, EOS)
    assert ids[1:-1].tolist() == tokenizer.encode("房间很干净").ids
    assert encode_document(tokenizer, "").tolist() == [BOS, EOS]


def test_batches_give_what_single_documents_give(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokenmill.text.tokenizer.BATCH", 7)
    tokenizer = load_tokenizer(folder)
    batched = list(encode_documents(tokenizer, iter(TEXTS)))
    assert len(batched) == len(TEXTS)
    assert all((a == encode_document(tokenizer, t)).all() for a, t in zip(batched, TEXTS, strict=True))


def test_settings_for_padding_and_length_in_the_file_are_put_aside(folder: Path, tmp_path: Path) -> None:
    other = Tokenizer.from_file(str(folder / "tokenizer.json"))
    other.enable_truncation(3)
    other.enable_padding(length=50)
    (tmp_path / "tokenizer.json").write_text(other.to_str(), "utf-8")
    whole = encode_document(load_tokenizer(folder), TEXTS[0])
    assert encode_document(load_tokenizer(tmp_path), TEXTS[0]).tolist() == whole.tolist()


def test_fingerprint_is_of_all_but_what_a_model_puts_around_a_text(folder: Path, tmp_path: Path) -> None:
    text = (folder / "tokenizer.json").read_text("utf-8")
    around = tmp_path / "around"
    around.mkdir()
    (around / "tokenizer.json").write_bytes(framed(text.encode(), "text-to-text"))
    assert fingerprint(around) == fingerprint(folder)
    (around / "tokenizer.json").write_text(text.replace('"<mask>"', '"<hole>"'), "utf-8")
    assert fingerprint(around) != fingerprint(folder)


def test_mistakes_get_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"tokenizer.json: missing; make it with"):
        load_tokenizer(tmp_path)
    with pytest.raises(UserError, match="missing"):
        fingerprint(tmp_path)
    path = tmp_path / "tokenizer.json"
    path.write_text("{", "utf-8")
    with pytest.raises(UserError, match="holds no tokenizer") as caught:
        load_tokenizer(tmp_path)
    assert "\n" not in str(caught.value)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="holds no tokenizer"):
        load_tokenizer(tmp_path)


def test_a_tokenizer_with_other_special_tokens_is_refused(tmp_path: Path) -> None:
    other = Tokenizer(models.BPE())
    other.train_from_iterator(["abc"], trainers.BpeTrainer(special_tokens=["<s>"], show_progress=False))
    (tmp_path / "tokenizer.json").write_text(other.to_str(), "utf-8")
    with pytest.raises(UserError, match="<pad> must have id 0, got None"):
        load_tokenizer(tmp_path)
