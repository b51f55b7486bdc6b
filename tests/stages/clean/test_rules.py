"""Each rule: what it drops, what it lets pass, and the value that it gives as the reason."""

from pathlib import Path

import pytest

from lm.errors import UserError
from stages.clean.rules import RULES
from stages.clean.wording import WORDS
from tests.stages.clean.helpers import clean_rows, reasons, row


def test_empty(tmp_path: Path) -> None:
    documents, drops = clean_rows(
        tmp_path, [row(" \u200b"), row("text", target="\n"), row("text", target="t")]
    )
    assert reasons(drops) == {"s:001": [("empty", "text")], "s:002": [("empty", "target")]}
    assert documents["target"].to_list() == ["t"]


def test_length_counts_characters_after_normalising(tmp_path: Path) -> None:
    rows = [row(" 好 "), row("很好"), row("好" * 40), row("好" * 41), row("e\u0301" * 40)]
    documents, drops = clean_rows(tmp_path, rows)
    assert reasons(drops) == {"s:001": [("too_short", "1")], "s:004": [("too_long", "41")]}
    assert documents["id"].to_list() == ["s:002", "s:003", "s:005"]
    # A drop shows the text that was judged.
    assert drops["text"].to_list()[0] == "好"


def test_all_failing_rules_are_named(tmp_path: Path) -> None:
    _, drops = clean_rows(tmp_path, [row("a", target=" "), row("good")])
    assert reasons(drops) == {"s:001": [("empty", "target"), ("too_short", "1")]}


def test_conflicting_labels_drop_every_copy(tmp_path: Path) -> None:
    rows = [row("same", "bad"), row("same ", "good"), row("same", "bad"), row("other", "bad"), row("same")]
    documents, drops = clean_rows(tmp_path, rows)
    assert reasons(drops) == {f"s:00{n}": [("conflicting_labels", "bad, good")] for n in (1, 2, 3)}
    # Without a label there is nothing to contradict.
    assert documents["id"].to_list() == ["s:004", "s:005"]


def test_labels_of_other_sources_or_other_targets_do_not_conflict(tmp_path: Path) -> None:
    sources = {
        "a": [row("same", "good"), row("one", "yes", "x")],
        "b": [row("same", "bad"), row("one", "no", "y")],
    }
    documents, drops = clean_rows(tmp_path, sources)
    assert (documents.height, drops.height) == (4, 0)


def test_exact_duplicates_name_the_one_that_stays(tmp_path: Path) -> None:
    rows = [row("one  line"), row("two"), row("one line"), row("one line\n")]
    documents, drops = clean_rows(tmp_path, {"b": rows, "a": [row("two"), row("only")]})
    assert reasons(drops) == {
        "b:002": [("exact_duplicate", "a:001")],
        "b:003": [("exact_duplicate", "b:001")],
        "b:004": [("exact_duplicate", "b:001")],
    }
    assert documents["id"].to_list() == ["a:001", "a:002", "b:001"]


def test_pairs_are_duplicates_only_with_equal_targets(tmp_path: Path) -> None:
    rows = [row("open", target="打开"), row("open", target="开放"), row("open", target=" 打开"), row("open")]
    documents, drops = clean_rows(tmp_path, rows)
    assert reasons(drops) == {"s:003": [("exact_duplicate", "s:001")]}
    assert documents["split"].n_unique() == 1


def test_a_labelled_copy_is_kept_rather_than_one_without(tmp_path: Path) -> None:
    _, drops = clean_rows(
        tmp_path, {"a": [row("same"), row("same")], "b": [row("same", "good"), row("same", "good")]}
    )
    assert reasons(drops) == {name: [("exact_duplicate", "b:001")] for name in ("a:001", "a:002", "b:002")}


def test_a_duplicate_never_points_at_a_drop(tmp_path: Path) -> None:
    documents, drops = clean_rows(tmp_path, [row("x"), row("x"), row("ok", "a"), row("ok", "b"), row("fine")])
    assert reasons(drops)["s:002"] == [("too_short", "1")]
    assert reasons(drops)["s:003"] == [("conflicting_labels", "a, b")]
    assert documents["id"].to_list() == ["s:005"]


def test_nothing_left_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not one document is left"):
        clean_rows(tmp_path, [row("a"), row("b")])


def test_the_page_has_words_for_every_rule() -> None:
    assert set(WORDS) == set(RULES)
