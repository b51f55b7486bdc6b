"""User name and password in a URL."""

import re

from stages.measure.pii.kind import Kind

URL_CREDENTIALS = Kind(
    name="url_credentials",
    candidate=r"(?:://|：／／)[^\s/@]+[:：][^\s/@]+[@＠]",
    # Without brackets: those of a template, ``https://<user>:{password}@host``, give nothing away.
    pattern=re.compile(r"(?<=://)[^\s/?#@:<>{}\[\]]{1,256}:[^\s/?#@<>{}\[\]]{1,256}(?=@[A-Za-z0-9\[])"),
)
"""``user:password`` between ``://`` and ``@`` (RFC 3986, 3.2.1). The rest of the URL stays."""
