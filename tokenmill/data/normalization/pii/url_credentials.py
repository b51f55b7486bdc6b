"""User name and password in a URL."""

import re

from tokenmill.data.normalization.pii.kind import Kind

EXAMPLES = {"pass", "passwd", "password", "pwd", "secret", "token"}
"""What documentation writes for a password, and nobody has for one."""


def _valid(match: re.Match[str]) -> bool:
    return match.group().rpartition(":")[2].lower() not in EXAMPLES


URL_CREDENTIALS = Kind(
    name="url_credentials",
    candidate=r"(?:://|：／／)[^\s/@]+[:：][^\s/@]+[@＠]",
    # Without brackets: those of a template, ``https://<user>:{password}@host``, give nothing away.
    pattern=re.compile(r"(?<=://)[^\s/?#@:<>{}\[\]]{1,256}:[^\s/?#@<>{}\[\]]{1,256}(?=@[A-Za-z0-9\[])"),
    valid=_valid,
)
"""``user:password`` between ``://`` and ``@`` (RFC 3986, 3.2.1). The rest of the URL stays."""
