"""Sign-ins under way: one sealed cookie for each attempt, and one for the answer on its way.

Nothing is kept on the server, so that a visitor who never comes back costs nothing.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from django.http import HttpRequest, HttpResponseBase

from .. import cookies
from ..oidc.authorization import ANSWER_PARAMETERS, Secrets
from ..oidc.errors import AttemptError
from ..oidc.jose import decode_base64url, encode_base64url
from ..sealing import seal, unseal

MAX_ATTEMPTS = 5
# All cookies of a request share one header line, which servers cut at 8 kB.
MAX_ATTEMPT_CHARACTERS = 1200
MAX_ATTEMPTS_CHARACTERS = 3000
MAX_ANSWER_CHARACTERS = 3800
MAX_RESTARTS = 2
# Longer than an attempt may last, so that a late visitor is told so, and comes back to their page.
COOKIE_SECONDS = 3600
ANSWER_SECONDS = 60

_ATTEMPT = "erpnet_signin_"
_ANSWER = "erpnet_answer"
_REFERENCE = re.compile(r"[0-9a-f]{16}\Z")

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Attempt:
    """One sign-in under way, in one browser. ``started`` is in Unix seconds.

    ``restarts`` are of this one; ``in_a_row`` are those completed right before it: see arrivals.
    """

    secrets: Secrets = field(repr=False)
    redirect_uri: str
    next_url: str
    started: int
    max_age: int | None = None
    restarts: int = 0
    in_a_row: int = 0

    @property
    def ref(self) -> str:
        return reference(self.secrets.state)

    @property
    def digest(self) -> str:
        """What a claimed attempt is known by. The state cannot be had back from it."""
        return _hash(self.secrets.state)

    def is_over(self, lifetime: int) -> bool:
        return time.time() - self.started > lifetime

    def to_json(self) -> bytes:
        values = dataclasses.astuple(self)
        return json.dumps(values, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Attempt:
        secrets, *rest = json.loads(data)
        return cls(Secrets(*secrets), *rest)


def _hash(state: str) -> str:
    return hashlib.sha256(state.encode("utf-8", "surrogatepass")).hexdigest()


def reference(state: str) -> str:
    """A name for the attempt of ``state`` that may be shown, logged and put in a URL."""
    return _hash(state)[:16]


def is_reference(text: str) -> bool:
    """Whether `reference` may have made this."""
    return _REFERENCE.match(text) is not None


def remember(request: HttpRequest, response: HttpResponseBase, attempt: Attempt) -> None:
    """Puts the attempt on the response, beside those of other tabs; the oldest give way."""
    sealed = _seal_attempt(attempt)
    if len(sealed) > MAX_ATTEMPT_CHARACTERS:
        # A page too long to carry costs the visitor the way back to it, not the sign-in.
        sealed = _seal_attempt(dataclasses.replace(attempt, next_url=""))
    others = sorted(_all_attempts(request), key=lambda found: found[1].started, reverse=True)
    room = MAX_ATTEMPTS_CHARACTERS - len(sealed)
    for position, (size, other) in enumerate(others, start=1):
        room -= size
        if position >= MAX_ATTEMPTS or room < 0 or other.is_over(COOKIE_SECONDS):
            cookies.forget(request, response, _ATTEMPT + other.ref)
    cookies.put(request, response, _ATTEMPT + attempt.ref, sealed, COOKIE_SECONDS)


def find(request: HttpRequest, ref: str) -> Attempt | None:
    """The attempt of this browser that goes by ``ref``, over or not."""
    sealed = cookies.only(request, _ATTEMPT + ref)
    attempt = _unseal_attempt(sealed) if sealed else None
    return attempt if attempt is not None and attempt.ref == ref else None


def forget(
    request: HttpRequest, response: HttpResponseBase, ref: str, carried: CarriedAnswer | None
) -> None:
    """Ends the attempt, and takes its answer off the browser, where it is the ``carried`` one."""
    cookies.forget(request, response, _ATTEMPT + ref)
    # The answer of another tab may be on its way in the same cookie.
    if carried is None or reference(carried.state) == ref:
        cookies.forget(request, response, _ANSWER)


@dataclass(frozen=True)
class CarriedAnswer:
    """The parameters of an answer, and whether they came in the query or in a posted form."""

    pairs: Pairs = field(repr=False)
    in_query: bool

    @property
    def state(self) -> str:
        return next((value for name, value in self.pairs if name == "state"), "")


def carry_answer(request: HttpRequest, response: HttpResponseBase, answer: CarriedAnswer) -> None:
    """Seals the answer's parameters into one cookie, for the GET that follows.

    Raises AttemptError where they do not fit.
    """
    known = [(name, value) for name, value in answer.pairs if name in ANSWER_PARAMETERS]
    sealed = seal("answer", zlib.compress(_pack(known, answer.in_query), 9))
    if len(sealed) > MAX_ANSWER_CHARACTERS:
        raise AttemptError("answer_too_large", characters=len(sealed), limit=MAX_ANSWER_CHARACTERS)
    cookies.put(request, response, _ANSWER, sealed, ANSWER_SECONDS)


def carried_answer(request: HttpRequest) -> CarriedAnswer | None:
    """What `carry_answer` sealed, or None where there is nothing (any more)."""
    sealed = cookies.only(request, _ANSWER)
    data = unseal("answer", sealed, max_age=ANSWER_SECONDS) if sealed else None
    return None if data is None else _unpack(zlib.decompress(data))


def _pack(pairs: Pairs, in_query: bool) -> bytes:
    # A token's parts are taken out of base64, which hides from the compressor what repeats.
    head: list[tuple[str, str | list[int]]] = []
    tail = b""
    for name, value in pairs:
        parts = [decode_base64url(part) for part in value.split(".")] if name == "id_token" else []
        if parts and all(part is not None for part in parts):
            head.append((name, [len(part) for part in parts if part is not None]))
            tail += b"".join(part for part in parts if part is not None)
        else:
            head.append((name, value))
    return json.dumps([in_query, head], separators=(",", ":")).encode() + b"\n" + tail


def _unpack(data: bytes) -> CarriedAnswer:
    head, _, tail = data.partition(b"\n")
    pairs = []
    in_query, described = json.loads(head)
    for name, value in described:
        if isinstance(value, list):
            parts = []
            for length in value:
                parts.append(encode_base64url(tail[:length]))
                tail = tail[length:]
            value = ".".join(parts)
        pairs.append((name, value))
    return CarriedAnswer(pairs, in_query)


def _seal_attempt(attempt: Attempt) -> str:
    return seal("attempt", attempt.to_json())


def _unseal_attempt(sealed: str) -> Attempt | None:
    data = unseal("attempt", sealed, max_age=COOKIE_SECONDS)
    return None if data is None else Attempt.from_json(data)


def _all_attempts(request: HttpRequest) -> Iterator[tuple[int, Attempt]]:
    """The attempts of this browser, and how long the cookie of each is."""
    for ref, sealed in cookies.starting_with(request, _ATTEMPT).items():
        # A browser sends names that cannot be set again, not even to delete them. Another site of
        # this host has its own attempts, sealed with another key.
        attempt = _unseal_attempt(sealed) if is_reference(ref) else None
        if attempt is not None and attempt.ref == ref:
            yield len(sealed), attempt
