"""Traditional to Simplified Chinese."""

import polars as pl

from tokenmill.core.errors import UserError


def simplify_chinese(texts: pl.Series) -> pl.Series:
    """By OpenCC's phrases and characters (``t2s``).

    Raises:
        UserError: OpenCC is not installed.
    """
    try:
        from opencc import OpenCC
    except ImportError:
        raise UserError(
            "params.yaml: measure.simplify_chinese needs the package opencc; install it or set it to false"
        ) from None
    convert = OpenCC("t2s").convert
    simple = [text if text is None else convert(text) for text in texts]
    return pl.Series(texts.name, simple, dtype=pl.String)
