"""Sources that a tokenizer does not know."""

from tokenmill.text.fit import misfit


def test_bytes_a_token_tell_it() -> None:
    assert misfit("news", 150, 100, "mend it") is None
    assert misfit("news", 0, 0, "mend it") is None
    assert misfit("strings", 118, 100, "mend it") == (
        "warning: the tokenizer does not fit strings: 1.2 bytes of text a token, training will be slow and "
        "poor; mend it"
    )
