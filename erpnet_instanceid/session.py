"""Reads a visitor's session: the person at the instance, and the tokens."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.http import HttpRequest

from .models import SignIn
from .oidc.token_set import TokenSet
from .tokens.entry import Identity, aown_entry, own_entry

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


def get_sign_in(request: HttpRequest) -> SignIn | None:
    """The visitor's sign-in, None where they have none at the instance. One query.

    Give its ``pk`` to a task queue: `SignIn.api` calls the instance after the response.
    """
    entry = own_entry(request.session)
    if entry is None or not request.user.is_authenticated:
        return None
    return SignIn.objects.open(entry.sign_in)


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
    """The person that the visitor is at the instance, None where they did not sign in there."""
    entry = own_entry(request.session)
    return None if entry is None else entry.person()


async def aget_identity(request: HttpRequest) -> Identity | None:
    """As `get_identity`, in async views."""
    entry = await aown_entry(request.session)
    return None if entry is None else entry.person()
