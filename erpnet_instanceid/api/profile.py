"""``RIGHTS_FROM = "profile"``: asks the profile site what a person may do now."""

from __future__ import annotations

from ..oidc.id_token import Claims
from .session import open_session
from .sources import OneToken

# What /me tells, by the name of the claim that says the same.
RIGHTS = {"isAdmin": "is_admin", "isActive": "is_active", "userType": "user_type"}


def rights_at_profile(access_token: str) -> Claims:
    """The claims that the profile site gives for the person of this token. Takes a licence.

    Raises InstanceIDError.
    """
    me = open_session(OneToken(access_token)).me()
    return {claim: me[name] for name, claim in RIGHTS.items() if me.get(name) is not None}
