"""The instance's answer on its way: sealed into one short-lived cookie by the POST that brings it,
for the GET that follows.

The POST comes from another site, so the browser sends no cookies with it. It sends them with the
GET.
"""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponseBase

from .. import cookies, records
from ..conf import conf
from ..oidc.authorization import ANSWER_PARAMETERS
from ..oidc.errors import AttemptError
from ..oidc.jose import decode_base64url, encode_base64url
from ..sealing import seal, unseal
from .attempts import reference

# Sealed, it becomes a cookie of 3.8 kB; browsers accept 4 kB.
MAX_COMPRESSED_BYTES = 2780
# Before compression, which takes 3 ms for this many. Higher levels do not make tokens smaller.
MAX_CHARACTERS = 256 * 1024
COMPRESSION_LEVEL = 1
COOKIE_SECONDS = 60

_COOKIE = "erpnet_answer"


@dataclass(frozen=True)
class Answer:
    """The parameters of an answer in their order, a repeated one repeated.

    ``in_query``: they came in the query, and not in a posted form. ``came`` is in Unix seconds.
    """

    VERSION: ClassVar[int] = 1

    pairs: list[tuple[str, Any]] = field(repr=False)
    in_query: bool = False
    came: int = 0

    @property
    def state(self) -> str:
        return next((value for name, value in self.pairs if name == "state"), "")

    @property
    def size(self) -> int:
        """Characters of the parameters that the protocol knows."""
        known = (pair for pair in self.pairs if pair[0] in ANSWER_PARAMETERS)
        return sum(len(name) + len(value) for name, value in known)


def carry(request: HttpRequest, response: HttpResponseBase, answer: Answer) -> None:
    """Seals the answer's parameters into the cookie. Raises AttemptError where they do not fit."""
    known = [(name, value) for name, value in answer.pairs if name in ANSWER_PARAMETERS]
    if answer.size > MAX_CHARACTERS:
        raise AttemptError("answer_too_large", characters=answer.size, limit=MAX_CHARACTERS)
    data = zlib.compress(_pack(known, answer.in_query), COMPRESSION_LEVEL)
    if len(data) > MAX_COMPRESSED_BYTES:
        raise AttemptError("answer_too_large", bytes=len(data), limit=MAX_COMPRESSED_BYTES)
    cookies.put(request, response, _COOKIE, seal("answer", data), COOKIE_SECONDS)


def carried(request: HttpRequest, ref: str) -> Answer | None:
    """The answer to the attempt called ``ref``. None if it is lost, or belongs to another tab."""
    sealed = cookies.only(request, _COOKIE)
    data = unseal("answer", sealed) if sealed else None
    answer = None if data is None else _unpack(zlib.decompress(data))
    if answer is None or reference(answer.state) != ref:
        return None
    # Another host of the site may have sealed it, and its clock may differ from ours.
    age = time.time() - answer.came
    skew = conf.clock_skew
    return answer if -skew <= age <= COOKIE_SECONDS + skew else None


def forget(request: HttpRequest, response: HttpResponseBase) -> None:
    """Deletes the cookie."""
    cookies.forget(request, response, _COOKIE)


def _pack(known: list[tuple[str, str]], in_query: bool) -> bytes:
    # Decodes the base64 of a token's parts, since base64 hides repetitions from the compressor.
    # This saves 9 % of a 2.2 kB token: the response stays below 3 kB.
    pairs: list[tuple[str, Any]] = []
    tail = b""
    for name, value in known:
        parts = [decode_base64url(part) for part in value.split(".")] if name == "id_token" else []
        decoded = [part for part in parts if part is not None]
        if decoded and len(decoded) == len(parts):
            pairs.append((name, [len(part) for part in decoded]))
            tail += b"".join(decoded)
        else:
            pairs.append((name, value))
    return records.pack(Answer(pairs, in_query, int(time.time()))) + b"\n" + tail


def _unpack(data: bytes) -> Answer | None:
    head, _, tail = data.partition(b"\n")
    answer = records.unpack(Answer, head)
    if answer is None:
        return None
    pairs = []
    for name, value in answer.pairs:
        if isinstance(value, list):
            value, tail = _joined(value, tail)
        pairs.append((name, value))
    return Answer(pairs, answer.in_query, answer.came)


def _joined(lengths: list[int], tail: bytes) -> tuple[str, bytes]:
    parts = []
    for length in lengths:
        parts.append(encode_base64url(tail[:length]))
        tail = tail[length:]
    return ".".join(parts), tail
