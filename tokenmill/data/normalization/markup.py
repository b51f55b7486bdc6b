"""Remains of HTML in what should be text: character references and tags.

Only what is HTML goes: names of others (``<filename>``, ``List<String>``) stay, and so do those of HTML that
stand where nothing says that a tag is meant (``vector<i>``, ``Enter <input> here``).
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from html import unescape
from html.entities import html5

from tokenmill.data.normalization.edited import Edit, apply

REFERENCE = r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"
"""With its semicolon; without one, ``&copy=1`` in an address would be taken for a sign."""

DECODED = re.compile(rf"&(?P<ampersands>(?:(?:amp|AMP|#0*38|#[xX]0*26);)++)|{REFERENCE}")

_OPEN = "br dd dt hr li p td th tr wbr"
_BLOCKS = """
address article aside blockquote br center dd div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5
h6 header hr iframe li main nav object ol option p pre section select table tbody td tfoot th thead tr ul
video
"""
_INLINE = """
a abbr acronym b big button cite code del em font i img input ins kbd label mark q s samp small span strike
strong sub sup tt u var wbr
"""
OPEN = frozenset(_OPEN.split())
"""Elements whose tag is often alone: empty ones, and those that HTML lets end by themselves."""
BLOCKS = frozenset(_BLOCKS.split())
"""Elements that end a line; without those of a page's head, which texts rather talk about."""
INLINE = frozenset(_INLINE.split())
"""Elements within a line."""
KNOWN = BLOCKS | INLINE

TAG = re.compile(
    r"<(?P<close>/?)(?P<name>[A-Za-z][A-Za-z0-9]*)"
    # With their values, so that ``a <b and c> d`` is no tag.
    r"""(?P<attributes>(?:\s++[\w:-]++\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s"'<>]++))*+)\s*+(?P<empty>/?)>"""
)
SCRIPT = re.compile(r"<(?P<name>script|style)\b[^<>]*+>|<!--", re.IGNORECASE)
"""Where an element begins whose content is no text, or a comment."""
ENDS = {name: re.compile(rf"</{name}\s*>", re.IGNORECASE) for name in ("script", "style")}
ENDS["!--"] = re.compile("-->")

MARKUP = rf"{REFERENCE}|<(?:/?[A-Za-z]|!--)"
"""What makes a text worth a closer look; polars reads it, too."""


def script_edits(text: str) -> Iterator[Edit]:
    """Scripts, styles and comments, each a line end."""
    place, endless = 0, set[str]()
    while begin := SCRIPT.search(text, place):
        name = (begin["name"] or "!--").lower()
        end = None if name in endless else ENDS[name].search(text, begin.end())
        if end is None:
            endless.add(name)
            place = begin.end()
        else:
            yield begin.start(), end.end(), "\n"
            place = end.end()


def tag_edits(text: str) -> Iterator[Edit]:
    """Tags of HTML: a line end for a block, nothing for an element within a line."""
    tags = [(tag, tag["name"].lower()) for tag in TAG.finditer(text)]
    paired = set[int]()
    waiting: dict[str, list[int]] = defaultdict(list)
    for number, (tag, name) in enumerate(tags):
        if not tag["close"]:
            waiting[name].append(number)
        elif waiting[name]:
            paired.add(waiting[name].pop())
    for number, (tag, name) in enumerate(tags):
        if name in KNOWN and (number in paired or _is_html(tag)):
            yield tag.start(), tag.end(), "\n" if name in BLOCKS else ""


def _is_html(tag: re.Match[str]) -> bool:
    """Whether a tag is one by itself: it closes, says more than its name, or may be alone."""
    if tag["close"] or tag["empty"] or tag["attributes"]:
        return True
    # ``Map<P>`` names a type, as ``map<p>`` does not.
    before = tag.string[max(tag.start() - 1, 0) : tag.start()]
    is_type = tag["name"] == "P" and (before.isalnum() or before == "_")
    return tag["name"].lower() in OPEN and not is_type


def reference_edits(text: str) -> Iterator[Edit]:
    """Character references as the characters that they stand for; ampersands are decoded to the end."""
    for reference in DECODED.finditer(text):
        name = reference[0]
        if reference["ampersands"] or name[1] == "#" or name[1:] in html5:
            yield reference.start(), reference.end(), "&" if reference["ampersands"] else unescape(name)


def remove_markup(text: str) -> str:
    """Without scripts, comments and the tags of HTML, and with character references decoded."""
    for edits in (script_edits, tag_edits, reference_edits):
        text = apply(edits(text), text)
    return text
