"""The second half of a sign-out: at the instance."""

from __future__ import annotations

import dataclasses
import logging

from django.utils.html import format_html_join
from django.utils.safestring import SafeString

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


@dataclasses.dataclass(frozen=True)
class EndSession:
    """The request by which the visitor's browser ends the session at the instance."""

    endpoint: str
    client_id: str
    back: dict[str, str | None] = dataclasses.field(repr=False)
    id_token: str = dataclasses.field(repr=False)

    @property
    def fits_address(self) -> bool:
        """Whether a redirect can carry the ID token."""
        return len(self.id_token) <= MAX_HINT_CHARACTERS

    @property
    def address(self) -> str:
        """The address of the request. Without the ID token where that is too long."""
        if self.id_token and self.fits_address:
            return with_parameters(self.endpoint, {"id_token_hint": self.id_token, **self.back})
        # The instance then asks the visitor, and may not send them back here.
        return with_parameters(self.endpoint, {"client_id": self.client_id, **self.back})

    @property
    def inputs(self) -> SafeString:
        """The request as the fields of a form, which have no limit of length."""
        fields = {"id_token_hint": self.id_token, **self.back}
        return format_html_join(
            "\n",
            '<input type="hidden" name="{}" value="{}">',
            [(name, value) for name, value in fields.items() if value is not None],
        )


def end_at_instance(tokens: TokenSet, target: str, *, back: str) -> EndSession | None:
    """Revokes the refresh token; how the visitor's session at the instance ends, if it can.

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
    return EndSession(
        endpoint,
        client.client_id,
        {"post_logout_redirect_uri": back or None, "state": _state(target) if back else None},
        tokens.id_token,
    )


def _state(target: str) -> str:
    state = seal("signout", target.encode())
    # A page too long to carry costs the visitor the way on to it, not the sign-out.
    return state if len(state) <= MAX_STATE_CHARACTERS else seal("signout", b"")


def read_state(state: str) -> str:
    """The page that the visitor wanted after sign-out, empty where ``state`` is not ours."""
    target = unseal("signout", state, max_age=STATE_SECONDS)
    return target.decode() if target else ""
