"""django-lasuite's backend for Django's own user model, which has no field ``name``."""

from __future__ import annotations

from typing import Any

from lasuite.oidc_login.backends import OIDCAuthenticationBackend


class Backend(OIDCAuthenticationBackend):
    def get_extra_claims(self, user_info: dict[str, Any]) -> dict[str, Any]:
        first, _, last = user_info["name"].partition(" ")
        return {"first_name": first, "last_name": last}
