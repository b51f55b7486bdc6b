"""Fill in the middle: rows keep their length and their text, and what is moved stands behind the suffix."""

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models

from tests.tiny_models import TEXTS, write_tokenizer
from tokenmill.core.errors import UserError
from tokenmill.objectives.causal import Causal
from tokenmill.objectives.middle import FillInTheMiddle, fill_in_the_middle
from tokenmill.text.infill import infill_tokens
from tokenmill.text.special import OURS
from tokenmill.text.tokenizer import BOS, EOS, load_tokenizer


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    return load_tokenizer(write_tokenizer(tmp_path_factory.mktemp("tokenizer")))


def rows(tokenizer: Tokenizer, length: int, count: int = 16) -> torch.Tensor:
    """Rows cut from a stream of documents, wherever these begin."""
    documents = [
        [BOS, *tokenizer.encode(f"{text} {n}", add_special_tokens=False).ids, EOS]
        for n in range(60)
        for text in TEXTS
    ]
    stream = [id for document in documents for id in document]
    return torch.tensor(stream[: length * count]).view(count, length)


def changed(rule: FillInTheMiddle, rows_BL: torch.Tensor, seed: int = 1) -> torch.Tensor:
    return rule.rows(rows_BL, torch.Generator().manual_seed(seed))


def put_back(rule: FillInTheMiddle, document: list[int]) -> str:
    """The text of a changed document."""
    at = [document.index(token) for token in rule.tokens]
    prefix, suffix, middle = (
        rule.tokenizer.decode(document[begin + 1 : end])
        for begin, end in zip(at, [*at[1:], len(document)], strict=True)
    )
    return prefix + middle + suffix


def test_parts_change_places_and_nothing_else(tokenizer: Tokenizer) -> None:
    rule = fill_in_the_middle(1.0, tokenizer, OURS)
    text = "books and films, a small test and 我喜欢看电影。"
    ids = [BOS, *tokenizer.encode(text, add_special_tokens=False).ids, EOS]
    within_a_token = 0
    for seed in range(20):
        (row,) = changed(rule, torch.tensor([[*ids, *ids, *ids]]), seed).tolist()
        document = row[: row.index(EOS) + 1]
        assert document[0] == BOS and put_back(rule, document) == text
        found = [document.index(token) for token in rule.tokens]
        assert found == sorted(found), "prefix, suffix, middle"
        within_a_token += len(document) > len(ids) + 3
    assert within_a_token > 5, "cuts fall within tokens, too"


def test_rows_keep_their_length_and_whole_middles(tokenizer: Tokenizer) -> None:
    rule = fill_in_the_middle(1.0, tokenizer, OURS)
    before = rows(tokenizer, 40)
    after = changed(rule, before)
    assert after.shape == before.shape and after.dtype == before.dtype
    for old, new in zip(before.tolist(), after.tolist(), strict=True):
        begins = [place for place, token in enumerate(new) if token == rule.tokens.middle]
        assert begins, old
        for begin in begins:
            assert EOS in new[begin:], "what ends a middle is learnt"


def test_chance_comes_from_the_generator_and_the_rate(tokenizer: Tokenizer) -> None:
    rule, before = fill_in_the_middle(0.5, tokenizer, OURS), rows(tokenizer, 64)
    assert torch.equal(changed(rule, before, 3), changed(rule, before, 3))
    assert not torch.equal(changed(rule, before, 3), changed(rule, before, 4))
    documents, moved = int((before == BOS).sum()), int((changed(rule, before) == rule.tokens.prefix).sum())
    assert 0.3 < moved / documents < 0.7
    batch = Causal(middle=rule).examples(before, vocab_size=320, generator=torch.Generator().manual_seed(3))
    assert torch.equal(batch.inputs_BT, changed(rule, before, 3)[:, :-1])


def test_a_row_that_begins_within_a_character_stays(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode("猫猫", add_special_tokens=False).ids
    assert len(ids) == 6, "bytes"
    row = torch.tensor([[*ids[1:], BOS, EOS]])
    new = changed(fill_in_the_middle(1.0, tokenizer, OURS), row)
    assert torch.equal(new[:, :6], row[:, :6])


def test_a_tokenizer_without_such_tokens_is_refused() -> None:
    empty = Tokenizer(models.BPE())
    assert infill_tokens(empty) is None
    with pytest.raises(UserError, match="fim_rate needs a tokenizer with tokens for prefix"):
        fill_in_the_middle(0.5, empty, OURS)


def test_tokens_of_others_come_first(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(write_tokenizer(tmp_path))
    tokenizer.add_special_tokens(["<fim_prefix>", "<fim_middle>", "<fim_suffix>"])
    found = infill_tokens(tokenizer)
    assert found is not None
    assert [tokenizer.id_to_token(id) for id in found] == ["<fim_prefix>", "<fim_suffix>", "<fim_middle>"]
