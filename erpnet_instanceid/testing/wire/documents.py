"""The documents that tell clients the instance's addresses."""

from __future__ import annotations

from typing import Any

from ..world.state import World
from .odata.calls import ODATA_ROOT


def metadata(world: World) -> dict[str, Any]:
    """The discovery document."""
    connect = f"{world.issuer}/connect"
    return {
        "issuer": world.issuer,
        "jwks_uri": f"{world.issuer}/.well-known/openid-configuration/jwks",
        "authorization_endpoint": f"{connect}/authorize",
        "token_endpoint": f"{connect}/token",
        "userinfo_endpoint": f"{connect}/userinfo",
        "end_session_endpoint": f"{connect}/endsession",
        "revocation_endpoint": f"{connect}/revocation",
        "frontchannel_logout_supported": True,
        "frontchannel_logout_session_supported": True,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "scopes_supported": ["openid", "profile", "email", "read", "update", "offline_access"],
        "claims_supported": ["sub", "id", "name", "email", "user_type", "is_admin", "locale"],
        "grant_types_supported": [
            "authorization_code",
            "client_credentials",
            "refresh_token",
        ],
        "response_types_supported": ["code", "code id_token"],
        "response_modes_supported": ["form_post", "query", "fragment"],
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "subject_types_supported": ["public"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": world.send_iss,
    }


def web_sites(world: World) -> dict[str, Any]:
    """The instance's sites, as auto-discovery lists them."""
    sites = [
        ("ID", world.issuer, {}),
        (
            "DomainAPI",
            f"{world.url}/api",
            {"ODataServiceRoot": f"{world.url}{ODATA_ROOT}"},
        ),
        ("UserProfile", f"{world.url}/profile", {}),
    ]
    return {
        "WebSites": [
            {"Type": kind, "Status": "Working", "Url": url, "AdditionalProperties": more}
            for kind, url, more in sites
        ]
    }
