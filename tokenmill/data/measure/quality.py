"""Counters behind the quality rules of Gopher, C4 and FineWeb, from polars alone.

Sources: Gopher (Rae et al. 2021, appendix A1), C4 (Raffel et al. 2020, section 2.2), FineWeb (Penedo et al.
2024, section 3.6). Counts are kept rather than shares: they are exact, and rules divide them as they need.
A line is what stands between line ends and is not empty; a paragraph likewise between empty lines.
"""

import polars as pl

TERMINAL = [*".!?\"'”’。！？｡…；;）)」』】》:："]
"""Ends of a line that close something: C4's and FineWeb's marks, with the Chinese ones and both colons."""
BULLETS = [*"-*•●○■□▪◆◇·※►▶"]
"""First characters of list entries: Gopher's, dolma's, and those common in Chinese."""
ELLIPSES = ("...", "…", "。。。")
SHORT_LINE = 30
"""Characters of a short line; FineWeb's."""
SENTENCE_END = r"[.!?]+[\"'”’)\]]*(?:\s|$)|[。！？｡]+"
BOILERPLATE = (
    r"(?i)javascript|cookie policy|uses? of cookies|uses? cookies|privacy policy|terms of (?:use|service)|"
    r"all rights reserved|版权所有|未经许可|转载请注明|隐私政策|用户协议|ICP备|ICP证|点击查看更多|扫描二维码"
)
"""Phrases of web pages that say nothing about their subject: C4's, and their like in Chinese."""
BOILERPLATE_WORDS = (
    "(?i)javascript|cookie",
    "(?i)terms of (?:use|service)",
    "(?i)rights reserved|privacy policy",
    "版权所有|未经许可|转载请注明|隐私政策|用户协议|点击查看更多|扫描二维码",
    "(?i)ICP[备证]",
)
"""Every line with a phrase of BOILERPLATE has one of these. They are found in a third of the time, by their
first letters, as long as no pattern has many."""
BROKEN = r"\x{FFFD}|\p{Co}|锟斤拷|烫烫烫"
"""What is left of text that was decoded wrongly and cannot be repaired: replacement characters, private ones
(Big5 read as GBK), and what these come to when they are read and written once more."""


def quality(texts: pl.Series) -> pl.DataFrame:
    """One row for each text, all columns UInt32.

    head_characters (of what is given), hash_signs, ellipses, curly_braces, lorem_ipsum, sentences,
    broken_characters, line_ends; then of lines: lines, terminal_lines, short_lines, bullet_lines,
    ellipsis_lines, boilerplate_lines; then of copies, which are all but the first of equal lines or
    paragraphs: duplicate_lines, duplicate_line_characters, paragraphs, duplicate_paragraphs,
    duplicate_paragraph_characters.
    """
    text = pl.col("text")
    frame = texts.alias("text").to_frame()
    whole = frame.select(
        head_characters=text.str.len_chars(),
        hash_signs=text.str.count_matches("#", literal=True),
        ellipses=text.str.count_matches(r"\.{3,}|…+|。{3,}"),
        curly_braces=text.str.count_matches("{", literal=True),
        lorem_ipsum=text.str.count_matches("(?i)lorem ipsum"),
        sentences=text.str.count_matches(SENTENCE_END),
        broken_characters=_broken(texts),
        line_ends=text.str.count_matches("\n", literal=True),
    )
    rows = frame.with_row_index("row")
    lines = _pieces(rows, "\n")
    last, first = pl.col("piece").str.slice(-1), pl.col("piece").str.slice(0, 1)
    of_lines = lines.group_by("row").agg(
        lines=pl.len(),
        terminal_lines=last.is_in(TERMINAL).sum(),
        short_lines=(pl.col("size") <= SHORT_LINE).sum(),
        bullet_lines=first.is_in(BULLETS).sum(),
        ellipsis_lines=pl.any_horizontal(pl.col("piece").str.ends_with(mark) for mark in ELLIPSES).sum(),
    )
    suspected = pl.any_horizontal(text.str.contains(one) for one in BOILERPLATE_WORDS)
    of_boilerplate = (
        _pieces(rows.filter(suspected), "\n")
        .group_by("row")
        .agg(boilerplate_lines=pl.col("piece").str.contains(BOILERPLATE).sum())
    )
    of_copies = _copies(lines, "line")
    paragraphs = _pieces(rows.filter(text.str.contains("\n\n", literal=True)), "\n\n")
    of_paragraphs = paragraphs.group_by("row").agg(paragraphs=pl.len())
    measured = pl.concat([rows.select("row"), whole], how="horizontal")
    for part in (of_lines, of_boilerplate, of_copies, of_paragraphs, _copies(paragraphs, "paragraph")):
        measured = measured.join(part, on="row", how="left", maintain_order="left")
    alone = pl.col("paragraphs").fill_null(pl.col("head_characters").clip(0, 1))
    return measured.drop("row").with_columns(alone).fill_null(0).cast(pl.UInt32)


def _broken(texts: pl.Series) -> pl.Series:
    """How many matches of BROKEN each text has. No class of characters is found fast, and ASCII has none."""
    wide = (texts.str.len_bytes() > texts.str.len_chars()).arg_true()
    found = texts.gather(wide).str.count_matches(BROKEN)
    return pl.zeros(len(texts), pl.UInt32, eager=True).scatter(wide, found)


def _pieces(rows: pl.DataFrame, end: str) -> pl.DataFrame:
    """Columns row, piece, size (characters): what stands between ``end`` in each text, without the empty."""
    pieces = rows.select("row", piece=pl.col("text").str.split(end)).explode("piece")
    return pieces.filter(pl.col("piece") != "").with_columns(size=pl.col("piece").str.len_chars())


def _copies(pieces: pl.DataFrame, name: str) -> pl.DataFrame:
    """By row: pieces that an earlier one of the same text equals, and the characters of these pieces."""
    several = pieces.filter(pl.len().over("row") > 1)
    copies = several.filter(~pl.struct("row", "piece").is_first_distinct())
    return copies.group_by("row").agg(
        pl.len().alias(f"duplicate_{name}s"), pl.col("size").sum().alias(f"duplicate_{name}_characters")
    )
