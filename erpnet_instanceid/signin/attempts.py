"""Sign-ins under way: each has a sealed cookie of its own, and nothing on the server.

The plan of a sign-in travels sealed in its `state`, to the instance and back. The cookie holds the
seed of its secrets, so that only this browser can complete it. A browser has room for twenty.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
import zlib
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeVar

from django.http import HttpRequest, HttpResponseBase

from .. import cookies, records
from ..conf import conf
from ..oidc.authorization import Secrets
from ..oidc.errors import AttemptError
from ..oidc.jose import encode_base64url
from ..pages.targets import callback_address
from ..sealing import seal, sealed_at, unseal

MAX_ATTEMPTS = 20
# All cookies of a request share one header line, which servers cut at 8 kB.
MAX_ATTEMPTS_CHARACTERS = 4000
MAX_ATTEMPT_CHARACTERS = 3000
# A longer target travels in the cookie, since the state comes back beside an ID token.
MAX_STATE_CHARACTERS = 400
SHORT_BYTES = 200
MAX_RESTARTS = 2
# Longer than an attempt may last, so that a late visitor learns why, and gets to their page.
COOKIE_SECONDS = 3600
# 176 bits.
SEED_BYTES = 22

_COOKIE = "erpnet_signin_"
_REFERENCE = re.compile(r"[0-9a-f]{16}\Z")


@dataclass(frozen=True)
class Plan:
    """The purpose of a sign-in. ``started`` is in Unix seconds.

    ``target`` is the page to come back to. ``restarts`` counts how often this sign-in has started
    again by itself; ``in_a_row`` the sign-ins completed right before it: see `loops`.
    ``seed_hash`` tells this sign-in's cookie from that of another sign-in.
    ``frame`` is the hash of the secret of the frame that the sign-in is for, if there is one.
    """

    VERSION: ClassVar[int] = 1

    started: float = 0
    host: str = ""
    target: str = ""
    max_age: int | None = None
    restarts: int = 0
    in_a_row: int = 0
    seed_hash: str = ""
    frame: str = ""


@dataclass(frozen=True)
class CookieRecord:
    """The browser's part: the seed of the secrets, and a target too long for the state."""

    VERSION: ClassVar[int] = 1

    seed: str = field(repr=False)
    target: str = ""


R = TypeVar("R", Plan, CookieRecord)


@dataclass(frozen=True)
class Attempt:
    """One sign-in under way, in one browser."""

    plan: Plan
    secrets: Secrets = field(repr=False)
    redirect_uri: str

    @property
    def reference(self) -> str:
        return reference(self.secrets.state)

    @property
    def state_hash(self) -> str:
        """The whole hash that finds the row of a claimed attempt; `reference` is its beginning."""
        return _hash(self.secrets.state)

    @property
    def target(self) -> str:
        return self.plan.target

    def is_over(self) -> bool:
        return _age(self.plan) > conf.sign_in_lifetime


def reference(state: str) -> str:
    """The name of the attempt with this ``state``: may be shown, logged and put in a URL."""
    return _hash(state)[:16]


def is_reference(text: str) -> bool:
    """Whether ``text`` has the form of a reference."""
    return _REFERENCE.match(text) is not None


def new_attempt(request: HttpRequest, **purpose: Any) -> tuple[Attempt, str]:
    """A new attempt, and the value of its cookie. ``purpose``: fields of `Plan`."""
    seed = encode_base64url(secrets.token_bytes(SEED_BYTES))
    host = request.get_host()
    plan = Plan(
        started=round(time.time(), 3),
        host=host,
        seed_hash=_hash(seed)[:16],
        **purpose,
    )
    state, kept_target = _state_of(plan)
    cookie = _sealed("attempt", CookieRecord(seed, kept_target))
    if len(cookie) > MAX_ATTEMPT_CHARACTERS:
        # The visitor loses the way back to a page with so long an address, not the sign-in.
        cookie = _sealed("attempt", CookieRecord(seed))
    return Attempt(plan, _secrets(seed, state), callback_address(request, host)), cookie


def remember(
    request: HttpRequest, response: HttpResponseBase, attempt: Attempt, cookie: str
) -> None:
    """Sets the cookie of a new attempt. If there is no room for it, deletes the oldest ones."""
    room = MAX_ATTEMPTS_CHARACTERS - len(cookie)
    for position, (ref, size) in enumerate(_newest_first(request), start=1):
        room -= size
        if position >= MAX_ATTEMPTS or room < 0:
            cookies.forget(request, response, _COOKIE + ref)
    cookies.put(request, response, _COOKIE + attempt.reference, cookie, COOKIE_SECONDS)


def find(request: HttpRequest, state: str) -> Attempt:
    """The attempt of this browser with this ``state``, over or not.

    Raises AttemptError, with the reason why this browser has none.
    """
    plan = read_plan(state)
    cookie = cookies.only(request, _COOKIE + reference(state))
    record = _opened(CookieRecord, "attempt", cookie)
    if plan is None or record is None or not _belong_together(plan, record):
        raise AttemptError("unknown_attempt", reason=_why_not_found(request, plan, cookie, record))
    if record.target:
        plan = replace(plan, target=record.target)
    return Attempt(plan, _secrets(record.seed, state), callback_address(request))


def read_plan(state: str) -> Plan | None:
    """The purpose of the sign-in with this ``state``, None where this site has not made it."""
    return _opened(Plan, "state", state)


def seal_remainder(plan: Plan) -> str:
    """The part of ``plan`` that a new sign-in needs if the answer is lost; no longer than a state.

    Empty if a new sign-in needs nothing of it.
    """
    remainder = Plan(target=plan.target, restarts=plan.restarts, frame=plan.frame)
    return _sealed("remainder", remainder) if remainder != Plan() else ""


def find_remainder(request: HttpRequest, ref: str, sealed: str) -> Plan | None:
    """What `seal_remainder` sealed for the attempt called ``ref``.

    None where this browser has no cookie of that attempt.
    """
    record = _opened(CookieRecord, "attempt", cookies.only(request, _COOKIE + ref))
    if record is None:
        return None
    plan = _opened(Plan, "remainder", sealed) or Plan()
    return replace(plan, target=plan.target or record.target)


def forget(request: HttpRequest, response: HttpResponseBase, ref: str) -> None:
    """Ends the attempt called ``ref`` in this browser."""
    cookies.forget(request, response, _COOKIE + ref)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _secrets(seed: str, state: str) -> Secrets:
    """Nonce and code verifier, derived from seed and state: another state gives other ones.

    Others see the nonce, one half of the digest, which tells nothing about the other half.
    """
    digest = hmac.digest(seed.encode(), state.encode(), "sha512")
    return Secrets(state, encode_base64url(digest[:32]), encode_base64url(digest[32:]))


def _state_of(plan: Plan) -> tuple[str, str]:
    """The state, and the target where it is too long to travel in it."""
    state = _sealed("state", plan)
    if len(state) <= MAX_STATE_CHARACTERS:
        return state, ""
    return _sealed("state", replace(plan, target="")), plan.target


def _sealed(purpose: str, record: Plan | CookieRecord) -> str:
    data = records.pack(record)
    # An address of filters becomes a third as long. For a short one the compressor takes longer
    # than the encryption, and gains nothing.
    return seal(purpose, zlib.compress(data) if len(data) > SHORT_BYTES else data)


def _opened(kind: type[R], purpose: str, sealed: str) -> R | None:
    data = unseal(purpose, sealed)
    if data is None:
        return None
    is_json = data.startswith(b"{")
    return records.unpack(kind, data if is_json else zlib.decompress(data))


def _belong_together(plan: Plan, record: CookieRecord) -> bool:
    return plan.seed_hash == _hash(record.seed)[:16] and _age(plan) <= COOKIE_SECONDS


def _age(plan: Plan) -> float:
    return time.time() - plan.started


def _why_not_found(
    request: HttpRequest, plan: Plan | None, cookie: str, record: CookieRecord | None
) -> str:
    if cookie and record is None:
        return "another_key"
    if plan is None:
        return "not_ours"
    if plan.host != request.get_host():
        return "another_host"
    return "too_old" if _age(plan) > conf.sign_in_lifetime else "no_cookie"


def _newest_first(request: HttpRequest) -> list[tuple[str, int]]:
    """The attempts of this browser: the reference of each, and the length of its cookie.

    Leaves out those of another site on this host, which seals them with another key.
    """
    found = []
    for ref, value in cookies.starting_with(request, _COOKIE).items():
        # A browser may send names that cannot be set again, not even to delete them.
        started = sealed_at("attempt", value) if is_reference(ref) else None
        if started is not None:
            found.append((started, ref, len(value)))
    return [(ref, size) for _started, ref, size in sorted(found, reverse=True)]
