"""The right to use this site, and a user's rights here, as the instance tells them now."""

from __future__ import annotations

from django.contrib import auth
from django.utils.module_loading import import_string

from ..conf import conf
from ..models import Account
from ..mozilla import AuthenticationBackend
from ..oidc.errors import SignInDenied
from .accounts import is_of_another, note_rights
from .claims import Claims, is_true

# For each value of RIGHTS_FROM, the function that gives claims for an access token. By name: the
# API imports this module, and a site that never asks the API need not load it.
SOURCES = {"profile": "erpnet_instanceid.api.profile.rights_at_profile"}


def has_source() -> bool:
    """Whether RIGHTS_FROM names a source that has to be asked."""
    return conf.rights_from in SOURCES


def told_now(access_token: str) -> Claims:
    """The rights as the source of RIGHTS_FROM tells them now. Empty for the default, the token.

    Raises InstanceIDError.
    """
    source = SOURCES.get(conf.rights_from)
    claims: Claims = import_string(source)(access_token) if source else {}
    return claims


def without_grants(claims: Claims) -> Claims:
    """``claims`` without those that give a right. Those that take one away stay."""
    grants = {
        "is_admin": is_true(claims.get("is_admin")),
        "user_type": str(claims.get("user_type")) in conf.allowed_user_types,
    }
    return {name: value for name, value in claims.items() if not grants.get(name)}


def check_user_type(claims: Claims) -> None:
    """Raises SignInDenied where the claims name no user type that may use this site."""
    user_type = claims.get("user_type")
    if not isinstance(user_type, str) or user_type not in conf.allowed_user_types:
        raise SignInDenied("user_type_refused", sub=claims["sub"], user_type=str(user_type)[:64])


def follow(account: Account, claims: Claims) -> None:
    """Gives the person's user the user type, flags, groups and name of a renewal's claims.

    A missing claim changes nothing, and neither do the claims of another person. Raises
    SignInDenied where the person may not use this site any more.
    """
    known = {"iss": account.issuer, "sub": account.sub, **claims}
    backend = _backend_of_the_site()
    if backend is None or is_of_another(account, known):
        return
    user = backend.get_user(account.user_id)
    if user is None or not is_true(known.get("is_active", True)):
        raise SignInDenied("inactive_user", sub=account.sub)
    if "user_type" in known:
        check_user_type(known)
        if not backend.verify_claims(known):
            raise SignInDenied("claims_refused", sub=account.sub)
    note_rights(account, known)
    backend.update_user(user, known)


def _backend_of_the_site() -> AuthenticationBackend | None:
    backends = auth.get_backends()
    return next((each for each in backends if isinstance(each, AuthenticationBackend)), None)
