"""Ends sessions at the instance."""

from __future__ import annotations

from . import tokens
from .applications import Application
from .ledger import Session
from .notices import LogoutMessage
from .state import World


def applications_of(world: World, session: Session) -> list[Application]:
    """The applications that the session's person signed in to."""
    known = (world.applications.get(uri) for uri in sorted(session.application_uris))
    return [application for application in known if application]


def end_session(world: World, session: Session) -> list[LogoutMessage]:
    """End a session and release its licence.

    Returns the messages for the session's applications; none if it had already ended.
    """
    if not world.ledger.end_session(session):
        return []
    world.api_sessions.end(session.sid)
    return [
        LogoutMessage(
            application.backchannel_url,
            tokens.logout_token(world, application, session.sub, session.sid),
        )
        for application in applications_of(world, session)
        if application.backchannel_url
    ]
