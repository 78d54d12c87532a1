"""What a site may ask of a visitor's session: who they are at the instance, and their tokens."""

from __future__ import annotations

from django.http import HttpRequest

from .models import SignIn
from .oidc.token_set import TokenSet
from .tokens.held import Identity, aheld, held, identity_of, unseal_tokens

__all__ = ["Identity", "TokenSet", "aget_identity", "get_identity", "get_sign_in", "get_tokens"]


def get_sign_in(request: HttpRequest) -> SignIn | None:
    """The visitor's sign-in, None where they have none at the instance. One query.

    Its ``pk`` is for a task queue: `SignIn.api` calls the instance after the response.
    """
    value = held(request.session)
    if value is None:
        return None
    return SignIn.objects.filter(pk=value["sign_in"], ended=None).first()


def get_tokens(request: HttpRequest) -> TokenSet | None:
    """The newest tokens of the visitor's sign-in, None where they have none. One query.

    To call the instance, `erpnet_instanceid.api.user_api` needs none and renews what has expired.
    """
    sign_in = get_sign_in(request)
    return None if sign_in is None else unseal_tokens(sign_in)


def get_identity(request: HttpRequest) -> Identity | None:
    """Who the visitor is at the instance, None where they did not sign in there."""
    return identity_of(held(request.session))


async def aget_identity(request: HttpRequest) -> Identity | None:
    """As `get_identity`, in async views."""
    return identity_of(await aheld(request.session))
