"""Who may use this site."""

from __future__ import annotations

from ..conf import conf
from ..oidc.errors import SignInDenied
from .claims import Claims


def check_user_type(claims: Claims) -> None:
    """Raises SignInDenied where the claims name no user type that may use this site."""
    user_type = claims.get("user_type")
    if not isinstance(user_type, str) or user_type not in conf.allowed_user_types:
        raise SignInDenied("user_type_refused", sub=claims["sub"], user_type=str(user_type)[:64])
