"""Articles of a newspaper: where one begins, and whose headline is certain."""

import pytest

from tokenmill.data.documents.articles import Article, Layout, article_of, kind_of

PAPER = [
    "图书馆新馆今天对读者开放",
    "首日接待读者三千人",
    "本报北京１月２日讯记者某甲报道：新馆今天上午开门。读者很早就来了。",
    "新馆的书有一百万册。",
    "（记者某甲摄）",
    "北方多地普降大雪（附图片１张）",
    "据新华社沈阳１月３日电（记者某乙）今天夜里，北方下了大雪。",
    "公路",
    "一些公路关闭了。",
    "“雪还要下多久？”",
    "（本报专电）",
    "本报讯一座桥昨天通车。",
    "本报讯一所学校搬了家。",
    "怎样过冬",
    "某丙",
    "冬天要多穿衣。",
]


def articles(lines: list[str]) -> list[list[str]]:
    layout = Layout()
    found: list[list[str]] = []
    for line in lines:
        if layout.begins(line):
            found.append([])
        found[-1].append(line)
    return found


def test_articles_begin_with_titles_and_with_news_in_brief() -> None:
    assert [article[0] for article in articles(PAPER)] == [PAPER[n] for n in (0, 5, 11, 12)]
    # What has no title yet is an article, too, and all of a paper is in one.
    assert articles(PAPER[3:5]) == [PAPER[3:5]]
    assert [line for article in articles(PAPER) for line in article] == PAPER


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("图书馆新馆今天对读者开放", "title"),
        ("北方普降大雪（图片）", "title"),
        ("据了解，口岸畅通。（某甲）", "paragraph"),
        ("他说：“好！”", "paragraph"),
        ("雪" * 41, "paragraph"),
        ("四川", "short"),
        ("（某甲摄）", "note"),
        ("新华社北京十二月三十一日电今天", "dateline"),
        ("本报巴黎１月３日专电", "dateline"),
        ("新华社的一位记者今天说，１月３日有雪，来电很多。", "paragraph"),
    ],
)
def test_kinds_of_lines(line: str, kind: str) -> None:
    assert kind_of(line) == kind


def test_a_headline_is_certain_by_one_title_and_a_dateline() -> None:
    two_titles, snow, *others = articles(PAPER)
    body = "今天夜里，北方下了大雪。\n公路\n一些公路关闭了。\n“雪还要下多久？”"
    assert article_of(snow) == Article("北方多地普降大雪", body)
    assert [article_of(lines) for lines in (two_titles, *others, [])] == [None] * 4
    assert article_of(["北方多地普降大雪", "本报讯"]) is None
    headline = ["图书馆新馆今天对读者开放", *two_titles[2:]]
    assert article_of(headline) == Article(
        headline[0], "新馆今天上午开门。读者很早就来了。\n新馆的书有一百万册。"
    )
