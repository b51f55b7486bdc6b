"""What is said of a store: nothing secret, one line."""

import re


def without_secrets(text: str) -> str:
    """The text with user, password and query blanked in every URL, fit to be printed."""
    text = re.sub(r"(?<=://)\S*@", "***@", text)
    return re.sub(r"(://[^\s?]*)\?\S*", r"\1?***", text)


def first_line(error: BaseException) -> str:
    """An exception's first line without secrets, or its type where it says nothing."""
    lines = str(error).strip().splitlines()
    return without_secrets(lines[0]) if lines else type(error).__name__
