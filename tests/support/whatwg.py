"""Where a browser goes: the origin of an address, resolved as browsers do. WHATWG URL 4.4.

Python's own functions follow RFC 3986, and the difference between the two is what an open
redirect lives on: browsers drop tabs and newlines, take a backslash for a slash, and need neither
one nor two of them after a scheme.
"""

import re
import unicodedata
from urllib.parse import unquote, urlsplit

SPECIAL = {"http": 80, "https": 443, "ws": 80, "wss": 443, "ftp": 21}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_C0_AND_SPACE = "".join(map(chr, range(0x21)))


def origin(address, base):
    """The origin that a browser on the page ``base`` ends up at; "opaque" for one like data:."""
    address = re.sub(r"[\t\n\r]", "", address.strip(_C0_AND_SPACE))
    base_scheme = urlsplit(base).scheme
    found = _SCHEME.match(address)
    scheme, rest = (found[1].lower(), address[found.end() :]) if found else (base_scheme, address)
    if scheme not in SPECIAL:
        return "opaque"
    rest = rest.replace("\\", "/")
    # After a scheme other than the page's own comes a host, however many slashes there are.
    if scheme == base_scheme and not rest.startswith("//"):
        return _origin(base)
    return _origin(f"{scheme}://{rest.lstrip('/')}")


def _origin(address):
    scheme, _, rest = address.partition("://")
    authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0].rpartition("@")[2]
    host, _, port = authority.partition(":")
    # The full stops and letters of other scripts that stand for ASCII ones. UTS 46.
    host = unicodedata.normalize("NFKC", unquote(host)).replace("\u3002", ".").lower()
    number = int(port) if port.isdigit() else SPECIAL[scheme]
    return f"{scheme}://{host}:{number}"
