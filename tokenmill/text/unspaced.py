"""Scripts without spaces, and cutting their text into single characters before a tokenizer sees it."""

import json

from tokenizers import Tokenizer

UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
"""Scripts written without spaces, in a regular expression's class (Oniguruma)."""


def by_character(tokenizer: Tokenizer) -> Tokenizer:
    """The same tokenizer, which puts each character of such a script into tokens of its own.

    Every place between two of them is then a boundary of tokens. Its vocabulary stays.
    """
    content = json.loads(tokenizer.to_str())
    cut = {"type": "Split", "pattern": {"Regex": f"[{UNSPACED}]"}, "behavior": "Isolated", "invert": False}
    before = content["pre_tokenizer"]
    content["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [cut, *([before] if before else [])]}
    made = Tokenizer.from_str(json.dumps(content))
    made.encode_special_tokens = tokenizer.encode_special_tokens  # not in the file
    return made
