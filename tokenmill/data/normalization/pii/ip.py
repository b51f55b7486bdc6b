"""Public IP addresses. Private and loopback ones lead to nobody, and stay."""

import re
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address

from tokenmill.data.normalization.pii.kind import Kind

NOT_PUBLIC = [
    IPv4Network(network)
    for network in ("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
                    "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3")
]  # fmt: skip
"""RFC 6890, 5771. Written out because ``IPv4Address.is_global`` differs between releases of Python."""
HEADING = 32
"""Four numbers that are all smaller are more often a heading or a version than an address."""
OBJECT = re.compile(r"1\.3\.(?:6|101|132)\.|2\.5\.(?:4|29)\.")
"""Beginnings of object identifiers (X.500, X.509), which are written like addresses."""
ADDRESS_BEFORE = re.compile(
    r"(?:\bIP|address|地址|host|主机|server|服务器|ping|DNS)[^0-9A-Za-z]{0,6}$", re.IGNORECASE
)
VERSION_BEFORE = re.compile(
    r"(?:versions?|ver\.?|release|build|firmware|driver|版本号?|固件|驱动|§|[a-z]/|[<>=~!]=)[ :：为]{0,3}$",
    re.IGNORECASE,
)


def _valid(match: re.Match[str]) -> bool:
    address, before = match.group(), match.string[max(match.start() - 24, 0) : match.start()]
    if ":" in address:
        try:
            IPv6Address(address)
        except AddressValueError:
            return False
        return True
    try:
        number = IPv4Address(address)
    except AddressValueError:  # a number above 255, or with a leading zero
        return False
    if VERSION_BEFORE.search(before) or OBJECT.match(address):
        return False
    if any(number in network for network in NOT_PUBLIC):
        return False
    return max(number.packed) >= HEADING or ADDRESS_BEFORE.search(before) is not None


IP = Kind(
    name="ip",
    candidate=r"(?:[0-9]{1,3}\.){3}[0-9]|[23][0-9A-Fa-f]{3}:[0-9A-Fa-f]{0,4}:",
    pattern=re.compile(
        r"(?<![0-9A-Za-z_.-])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?!\.?[0-9]|[A-Za-z_]|-[A-Za-z0-9])"
        r"|(?<![0-9A-Za-z_.:-])[23][0-9A-Fa-f]{3}(?::[0-9A-Fa-f]{0,4}){2,7}(?![0-9A-Za-z_:])"
    ),
    wide=False,  # numbers such as １．３０．９０．５ are columns of a table
    valid=_valid,
)
"""IPv4, and IPv6 of 2000::/3, all that is given to the public (RFC 4291, 2.4)."""
