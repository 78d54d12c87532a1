"""The second half of a sign-out: at the instance."""

from __future__ import annotations

import dataclasses
import logging

from ..conf import conf
from ..oidc.authorization import with_parameters
from ..oidc.errors import InstanceIDError
from ..oidc.token_endpoint import REVOCATION_SECONDS, revoke
from ..oidc.token_set import TokenSet
from ..sealing import seal, unseal

logger = logging.getLogger("erpnet_instanceid")

STATE_SECONDS = 3600
# The head of the response has to fit into the 4 kB that nginx takes unless told otherwise.
MAX_HINT_CHARACTERS = 2000
MAX_STATE_CHARACTERS = 400


def end_at_instance(tokens: TokenSet, target: str, *, back: str) -> str | None:
    """Revokes the refresh token; the address where the visitor's session there ends, if any.

    ``back`` is the address to which the instance sends the visitor afterwards; empty for none.
    """
    client = conf.client
    hurried = dataclasses.replace(client, limits=client.limits.shortened_to(REVOCATION_SECONDS))
    try:
        endpoint = client.provider.metadata().end_session_endpoint
    except InstanceIDError as error:
        logger.warning("signed_out_here_only error=%s", error)
        return None
    if tokens.refresh_token is not None:
        revoke(hurried, tokens.refresh_token)
    if endpoint is None:
        return None
    has_hint = 0 < len(tokens.id_token) <= MAX_HINT_CHARACTERS
    return with_parameters(
        endpoint,
        {
            "id_token_hint": tokens.id_token if has_hint else None,
            # The instance then asks the visitor, and may not send them back here.
            "client_id": None if has_hint else client.client_id,
            "post_logout_redirect_uri": back or None,
            "state": _state(target) if back else None,
        },
    )


def _state(target: str) -> str:
    state = seal("signout", target.encode())
    # A page too long to carry costs the visitor the way on to it, not the sign-out.
    return state if len(state) <= MAX_STATE_CHARACTERS else seal("signout", b"")


def read_state(state: str) -> str:
    """The page that the visitor wanted after sign-out, empty where ``state`` is not ours."""
    target = unseal("signout", state, max_age=STATE_SECONDS)
    return target.decode() if target else ""
