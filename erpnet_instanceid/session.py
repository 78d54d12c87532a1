"""Reads a visitor's session: the person at the instance, and the tokens."""

from __future__ import annotations

from dataclasses import dataclass

from asgiref.sync import sync_to_async
from django.http import HttpRequest

from .models import SignIn
from .oidc.token_set import TokenSet
from .tokens.entry import own_entry

__all__ = [
    "Identity",
    "TokenSet",
    "aget_identity",
    "aget_sign_in",
    "aget_tokens",
    "get_identity",
    "get_sign_in",
    "get_tokens",
]


@dataclass(frozen=True)
class Identity:
    """The person that the visitor is at the instance. Times are Unix seconds.

    ``user_id`` is the instance's own id of the person, which a rename does not change. If the
    instance sends none, it is the login name, ``sub``. ``signed_in_at`` is when the instance signed
    the person in to this site. ``authenticated_at`` is when the person last typed their password,
    which may be long before that; 0 if the instance does not tell. Both times are the instance's.
    """

    sub: str
    user_id: str
    user_type: str
    is_admin: bool
    signed_in_at: int
    authenticated_at: int


def get_sign_in(request: HttpRequest) -> SignIn | None:
    """The visitor's sign-in, None where they have none at the instance. One query.

    Give its ``pk`` to a task queue: `SignIn.api` calls the instance after the response.
    """
    entry = own_entry(request.session, request.user)
    return None if entry is None else SignIn.objects.open(entry.sign_in)


def get_tokens(request: HttpRequest) -> TokenSet | None:
    """The newest tokens of the visitor's sign-in, None where they have none. One query.

    Calls to the instance need no tokens: `erpnet_instanceid.api.user_api` brings its own, and
    renews what has expired.
    """
    sign_in = get_sign_in(request)
    return None if sign_in is None else sign_in.token_set()


async def aget_sign_in(request: HttpRequest) -> SignIn | None:
    """As `get_sign_in`, in async views."""
    return await sync_to_async(get_sign_in)(request)


async def aget_tokens(request: HttpRequest) -> TokenSet | None:
    """As `get_tokens`, in async views."""
    return await sync_to_async(get_tokens)(request)


def get_identity(request: HttpRequest) -> Identity | None:
    """The person that the visitor is at the instance, None where they did not sign in there.

    ``user_type`` and ``is_admin`` come from the person's newest sign-in or renewal, in any browser.
    One query.
    """
    entry = own_entry(request.session, request.user)
    sign_in = None if entry is None else SignIn.objects.open(entry.sign_in)
    if entry is None or sign_in is None or sign_in.account is None:
        return None
    account = sign_in.account
    return Identity(
        sub=account.sub,
        user_id=account.key,
        user_type=account.user_type,
        is_admin=account.is_admin,
        signed_in_at=sign_in.issued_at or 0,
        authenticated_at=entry.authenticated_at,
    )


async def aget_identity(request: HttpRequest) -> Identity | None:
    """As `get_identity`, in async views."""
    return await sync_to_async(get_identity)(request)
