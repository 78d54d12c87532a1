"""A sign-in for a frame: a popup signs in at the instance, and the frame redeems the result.

The frame keeps a secret in its own cookie jar. The popup opens no session: it stores the checked
tokens on the sign-in's row, and gives the frame a one-time code. The code is worth nothing without
the secret. So if a stranger sends a visitor the address of a popup, it signs nobody in.
"""

from __future__ import annotations

import dataclasses
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse

from .. import cookies, records
from ..conf import redirect_field_name
from ..models import SignIn
from ..oidc.errors import AttemptError
from ..oidc.id_token import Claims
from ..oidc.token_set import TokenSet
from ..sealing import seal, unseal
from .attempts import Attempt

CODE_SECONDS = 60
# How long a visitor may leave the frame open before they click.
COOKIE_SECONDS = 24 * 3600
# For a frame in a page of this site: such a frame uses the site's own cookie jar.
OWN_PREFIX = "erpnet_ownframe_"
OPENER = "opener"


@dataclass(frozen=True)
class Opener:
    """The frame that a popup is opened for, by the hash of its secret."""

    VERSION: ClassVar[int] = 1

    secret_hash: str


@dataclass(frozen=True)
class Result:
    """A completed sign-in that waits for its frame."""

    VERSION: ClassVar[int] = 1

    secret_hash: str
    claims: dict[str, Any] = field(repr=False)
    tokens: dict[str, Any] = field(repr=False)


def redeem_address(target: str) -> str:
    """Where the frame posts the code, to go on to ``target``.

    The page does not travel through the popup, whose requests and responses have to be small.
    """
    address = reverse("erpnet_instanceid:signin_frame")
    return f"{address}?{urlencode({redirect_field_name(): target})}" if target else address


def popup_address(request: HttpRequest) -> str:
    """The address of the popup for the frame that this request is for.

    The middleware puts the frame's secret on the response.
    """
    prefix = _prefix(request)
    # All frames in one page share the jar. If two load at once, each of them makes a secret.
    found = cookies.starting_with(request, prefix)
    kept = [value for name, value in found.items() if prefix + name != cookies.FRAME_MARK]
    secret = kept[0] if kept else secrets.token_urlsafe(32)
    cookies.put_later(request, prefix + _hash(secret)[:8], secret, COOKIE_SECONDS)
    return popup_address_of(_hash(secret))


def popup_address_of(secret_hash: str) -> str:
    """The address of a popup for the frame whose secret has this hash."""
    sealed = records.seal("opener", Opener(secret_hash))
    return f"{reverse('erpnet_instanceid:signin_popup')}?{OPENER}={sealed}"


def read_opener(request: HttpRequest) -> Opener | None:
    """The frame that the address of a popup names, None where it is not ours or too old."""
    sealed = request.GET.get(OPENER, "")
    return records.unseal(Opener, "opener", sealed, max_age=COOKIE_SECONDS)


def hand_over(attempt: Attempt, claims: Claims, tokens: TokenSet, sign_in: SignIn) -> str:
    """Stores the result on the row. Returns the one-time code by which the frame redeems it.

    Raises AttemptError if a sign-out notice has ended the sign-in meanwhile.
    """
    result = Result(attempt.plan.frame, dict(claims), dataclasses.asdict(tokens))
    if not sign_in.change({"tokens": records.seal("frame", result)}):
        raise AttemptError("sign_in_ended")
    return seal("frame code", f"{sign_in.pk}".encode())


def redeem_code(request: HttpRequest, code: str) -> tuple[SignIn, dict[str, Any], TokenSet]:
    """The row, claims and tokens behind ``code``, once.

    Raises AttemptError if the code is forged, too old, spent, or belongs to another frame.
    """
    key = unseal("frame code", code, max_age=CODE_SECONDS)
    sign_in = None if key is None else SignIn.objects.filter(pk=key.decode(), account=None).first()
    result = records.unseal(Result, "frame", sign_in.tokens) if sign_in else None
    if sign_in is None or result is None:
        raise AttemptError("frame_code_refused", reason="spent_or_over")
    secret = cookies.only(request, _prefix(request) + result.secret_hash[:8])
    if not secret or _hash(secret) != result.secret_hash:
        raise AttemptError("frame_code_refused", reason="no_secret")
    # If two requests bring the same code, only one changes the row.
    if not sign_in.change({"tokens": ""}, tokens=sign_in.tokens):
        raise AttemptError("frame_code_refused", reason="spent_or_over")
    return sign_in, result.claims, TokenSet(**result.tokens)


def mark(request: HttpRequest, response: HttpResponseBase) -> None:
    """Marks the jar of a frame of another site, for as long as a session may last."""
    if cookies.is_in_frame_of_another_site(request):
        cookies.put(request, response, cookies.FRAME_MARK, "1", settings.SESSION_COOKIE_AGE)


def _prefix(request: HttpRequest) -> str:
    is_foreign = cookies.is_in_frame_of_another_site(request)
    return cookies.FRAME_PREFIX if is_foreign else OWN_PREFIX


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()[:32]
