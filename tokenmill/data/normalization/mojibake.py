"""UTF-8 that was read as another encoding: ``cafÃ©`` for ``café``."""

from tokenmill.core.errors import UserError

MOJIBAKE = (
    r"[\u00C2-\u00F4]"  # the first byte of a character in UTF-8, read as Latin-1 or Windows-1252
    r"[\u0080-\u00BF€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]"  # one of the following bytes, read likewise
)
"""What makes a text worth a look by ftfy, which is 30 times slower than this expression."""


def repair_mojibake(text: str) -> str:
    """A text decoded as it was meant where ftfy is sure of it; as it is otherwise.

    Raises:
        UserError: ftfy is not installed.
    """
    try:
        import ftfy
    except ImportError:
        raise UserError("a text looks as if it were decoded wrongly: `pip install ftfy` repairs it") from None
    repaired: str = ftfy.fix_encoding(text)
    return repaired
