"""Each rule: what it drops, what it lets pass, and the value that it gives as the reason."""

from pathlib import Path

import polars as pl
import pytest
from ruamel.yaml import YAML

from stages.params import load_params
from tests.conftest import ROOT
from tests.data.clean.helpers import clean_rows, clean_tables, reasons, row, settings, table
from tokenmill.core.errors import UserError
from tokenmill.data.clean.rules import DOCUMENT_RULES, RULES
from tokenmill.data.clean.run import clean
from tokenmill.data.clean.settings import LanguageThresholds, Thresholds

PAGE = (ROOT / "docs/cleaning.md").read_text("utf-8")


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


WORDS_OF = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
BOUNDS: list[tuple[str, dict[str, object], str, str, str]] = [
    # rule, threshold, a text that fails, the value, a text that passes
    ("too_few_words", {"min_words": 4}, "three words here", "3", "一二三四"),
    ("too_many_words", {"max_words": 3}, "一二三四", "4", "three words here"),
    ("unsure_language", {"min_language_score": 0.9}, "12 + 3 = 15", "0", "今天天气很好"),
    (
        "broken_characters",
        {"max_broken_characters": 0.1},
        "一二三\ufffd",
        "0.25",
        "一二三四五六七八九十\ufffd",
    ),
    ("few_word_characters", {"min_word_characters": 0.5}, "好。。。", "0.25", "好。"),
    ("few_alphabetic_words", {"min_alphabetic_words": 0.5}, "1 2 3 four", "0.25", "1 two"),
    ("word_length", {"min_word_length": 3}, "a bb ccc", "2", "one two"),
    ("word_length", {"max_word_length": 5}, "Initializing", "12", "one two"),
    ("many_symbols", {"max_symbols": 0.1}, "# one two", "0.5", "one two # " + WORDS_OF),
    ("many_symbols", {"max_symbols": 0.1}, "好……", "1", WORDS_OF + "…"),
    ("few_stop_words", {"min_stop_words": 2}, "我我我爱书", "1", "我的书"),
    ("few_sentences", {"min_sentences": 2}, "One sentence.", "1", "一句。两句。"),
    ("few_terminal_lines", {"min_terminal_lines": 0.5}, "One\nTwo\nThree.", "0.3333", "One.\nTwo"),
    ("short_lines", {"max_short_lines": 0.5}, "short\nlines", "1", WORDS_OF),
    ("bullet_lines", {"max_bullet_lines": 0.5}, "- a thing\n• another", "1", "list:\n- a thing"),
    ("ellipsis_lines", {"max_ellipsis_lines": 0.3}, "read on...", "1", "read on... now"),
    ("boilerplate_lines", {"max_boilerplate_lines": 0.3}, "版权所有\n正文", "0.5", "正文\n正文二\n正文三"),
    ("many_line_ends", {"max_line_ends": 0.3}, "好\n的", "0.5", "好的书\n我看"),
    ("curly_braces", {"max_curly_braces": 0}, "if x {y}", "1", "if x (y)"),
    ("lorem_ipsum", {"max_lorem_ipsum": 0}, "Lorem Ipsum dolor", "1", "lorem"),
    ("duplicate_lines", {"max_duplicate_lines": 0.3}, "as\nas\nis", "0.3333", "as\nis"),
    ("duplicate_line_characters", {"max_duplicate_line_characters": 0.2}, "as\nas\nis", "0.25", "as\nis"),
    ("duplicate_paragraphs", {"max_duplicate_paragraphs": 0.3}, "as\n\nas\n\nis", "0.3333", "as\n\nis"),
    (
        "duplicate_paragraph_characters",
        {"max_duplicate_paragraph_characters": 0.1},
        "as\n\nas\n\nis",
        "0.2",
        "as\n\nis",
    ),
    ("top_ngram", {"max_top_ngram": [0.5, 0.5, 0.5]}, "好书好书好书", "2-gram 1", "好书好看，我很喜欢"),
    ("top_ngram", {"max_top_ngram": [1, 0.6, 1]}, "a b c d a b c", "3-gram 0.8571", "a b c d e f"),
    (
        "duplicate_ngrams",
        {"max_duplicate_ngrams": [0.9] * 6},
        "物流速度太慢，物流速度太慢",
        "5-gram 1",
        "物流速度太慢，客服速度也慢",
    ),
]


@pytest.mark.parametrize(("rule", "threshold", "fails", "value", "passes"), BOUNDS)
def test_bounds(
    tmp_path: Path, rule: str, threshold: dict[str, object], fails: str, value: str, passes: str
) -> None:
    documents, drops = clean_rows(tmp_path, [row(fails), row(passes)], default=threshold)
    assert reasons(drops) == {"s:001": [(rule, value)]}
    assert documents["text"].to_list() == [passes]


def test_every_rule_with_a_threshold_is_tested() -> None:
    tested = {rule for rule, *_ in BOUNDS} | {"empty", "too_short", "too_long"}
    assert tested == {rule.name for rule in DOCUMENT_RULES} - {"other_language"}
    named = {name for _, threshold, *_ in BOUNDS for name in threshold} | {"min_characters", "max_characters"}
    assert named == set(Thresholds.model_fields)


def test_thresholds_go_by_language(tmp_path: Path) -> None:
    rows = [row("一二三"), row("one two three"), row("раз два три и ещё немного русских слов подряд")]
    changes = {"default": {"max_words": 1}, "zh": {"max_words": 2}, "en": {"max_words": None}}
    _, drops = clean_rows(tmp_path, rows, **changes)
    assert reasons(drops) == {"s:001": [("too_many_words", "3")], "s:003": [("too_many_words", "9")]}


def test_other_languages(tmp_path: Path) -> None:
    rows = [row("一二三"), row("one two three"), row("раз два три и ещё немного русских слов подряд")]
    _, drops = clean_rows(tmp_path, rows, languages=["zh", "en"], default={})
    assert reasons(drops) == {"s:003": [("other_language", "ru")]}


def test_without_words_there_are_no_shares(tmp_path: Path) -> None:
    thresholds = {"max_top_ngram": [0, 0, 0], "max_symbols": 0, "min_alphabetic_words": 1, "max_line_ends": 0}
    documents, _ = clean_rows(tmp_path, [row("。。。。"), row("!\n#")], default=thresholds)
    assert documents.height == 2


def test_an_id_that_stands_twice(tmp_path: Path) -> None:
    frame = table("s", [row("one"), row("two")]).with_columns(id=pl.lit("s:1"))
    with pytest.raises(UserError, match="data/measured: id 's:1' of s stands more than once"):
        clean_tables(tmp_path, {"s": frame})


def test_nothing_was_measured(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"manifest\.json: missing; make it with `dvc repro measure`"):
        clean(tmp_path / "measured", tmp_path / "clean", settings())


def test_no_source_with_the_role_text(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"params\.yaml: sources: none has `role: text`; add one"):
        clean_rows(tmp_path, [row("text")], roles={"s": "test"})


def shown(value: object) -> str:
    """A default threshold as the table of docs/cleaning.md has it: ``–`` for none, a list by its bounds."""
    if value is None:
        return "–"
    if isinstance(value, list):
        return f"{value[0]} each" if len(set(value)) == 1 else f"{value[0]} to {value[-1]}"
    return str(value)


def test_the_table_of_the_documentation_is_that_of_the_rules() -> None:
    defaults = load_params(ROOT / "params.yaml").clean.thresholds.default
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in PAGE.splitlines() if "| `m" in line]
    assert [row[:4] for row in rows] == [
        [
            ", ".join(f"`{name}`" for name in rule.thresholds),
            rule.meaning,
            rule.published or "–",
            shown(getattr(defaults, rule.thresholds[0])),
        ]
        for rule in DOCUMENT_RULES
        if rule.thresholds
    ]


def test_the_thresholds_for_web_pages_are_settings() -> None:
    blocks = (part.split("```")[0] for part in PAGE.split("```yaml\n")[1:])
    (block,) = (block for block in blocks if "thresholds:" in block)
    content = YAML(typ="safe", pure=True).load(block)
    made = LanguageThresholds.model_validate(content["thresholds"])
    assert made.of("zh").min_words == 80 and made.of("zh").max_short_lines is None


def test_a_rule_names_its_thresholds() -> None:
    assert RULES["too_short"].reason == "characters, below min_characters"
    assert RULES["too_long"].reason == "characters, above max_characters"
    assert RULES["word_length"].reason.endswith(", outside of min_word_length to max_word_length")
    assert RULES["empty"].reason == RULES["empty"].meaning
