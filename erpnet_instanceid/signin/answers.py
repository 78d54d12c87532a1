"""The instance's answer on its way: sealed into one short-lived cookie by the POST that brings it,
for the GET that follows.

The POST comes from another site, so the visitor's cookies do not come with it; the GET has them.
"""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponseBase

from .. import cookies, records
from ..conf import conf
from ..oidc.authorization import ANSWER_PARAMETERS
from ..oidc.errors import AttemptError
from ..oidc.jose import decode_base64url, encode_base64url
from ..sealing import seal, unseal
from .attempts import reference

# Sealed, that is a cookie of 3.8 kB; browsers take 4.
MAX_COMPRESSED_BYTES = 2780
# Before it is compressed, which takes 3 ms for so much, at the level that compresses tokens no
# worse than the others do.
MAX_CHARACTERS = 256 * 1024
COMPRESSION_LEVEL = 1
COOKIE_SECONDS = 60

_COOKIE = "erpnet_answer"


@dataclass(frozen=True)
class Answer:
    """The parameters of an answer in their order, a repeated one repeated.

    ``in_query`` tells that they came in the query, and not in a posted form.
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
    data = zlib.compress(_pack(replace(answer, pairs=known)), COMPRESSION_LEVEL)
    if len(data) > MAX_COMPRESSED_BYTES:
        raise AttemptError("answer_too_large", bytes=len(data), limit=MAX_COMPRESSED_BYTES)
    cookies.put(request, response, _COOKIE, seal("answer", data), COOKIE_SECONDS)


def carried(request: HttpRequest, ref: str) -> Answer | None:
    """The answer to the attempt called ``ref``; None where it is lost, or is another tab's."""
    sealed = cookies.only(request, _COOKIE)
    data = unseal("answer", sealed) if sealed else None
    answer = None if data is None else _unpack(zlib.decompress(data))
    if answer is None or reference(answer.state) != ref:
        return None
    # Another node of the site may have carried it, by a clock of its own.
    age = time.time() - answer.came
    skew = conf.clock_skew
    return answer if -skew <= age <= COOKIE_SECONDS + skew else None


def forget(request: HttpRequest, response: HttpResponseBase) -> None:
    """Deletes the cookie."""
    cookies.forget(request, response, _COOKIE)


def _pack(answer: Answer) -> bytes:
    # The parts of a token are taken out of base64, which hides repetitions from the compressor.
    # That saves 9 % of a 2.2 kB token: the response stays below 3 kB.
    pairs: list[tuple[str, Any]] = []
    tail = b""
    for name, value in answer.pairs:
        parts = [decode_base64url(part) for part in value.split(".")] if name == "id_token" else []
        decoded = [part for part in parts if part is not None]
        if decoded and len(decoded) == len(parts):
            pairs.append((name, [len(part) for part in decoded]))
            tail += b"".join(decoded)
        else:
            pairs.append((name, value))
    return records.pack(replace(answer, pairs=pairs, came=int(time.time()))) + b"\n" + tail


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
    return replace(answer, pairs=pairs)


def _joined(lengths: list[int], tail: bytes) -> tuple[str, bytes]:
    parts = []
    for length in lengths:
        parts.append(encode_base64url(tail[:length]))
        tail = tail[length:]
    return ".".join(parts), tail
