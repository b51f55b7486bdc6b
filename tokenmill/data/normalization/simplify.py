"""Traditional to Simplified Chinese."""

from collections.abc import Callable
from functools import cache

from tokenmill.core.errors import UserError

HAN = r"[\u2E80-\u9FFF\uF900-\uFAFF\U00020000-\U0003FFFF]"
"""Characters of Chinese, and some of Japanese and of signs that no conversion touches."""


@cache
def converter() -> Callable[[str], str]:
    """By OpenCC's phrases and characters (``t2s``).

    Raises:
        UserError: OpenCC is not installed.
    """
    try:
        from opencc import OpenCC
    except ImportError:
        raise UserError(
            "Traditional characters are made Simplified (measure.simplify_chinese) with the package opencc; "
            "`pip install opencc` brings it"
        ) from None
    convert: Callable[[str], str] = OpenCC("t2s").convert
    return convert
