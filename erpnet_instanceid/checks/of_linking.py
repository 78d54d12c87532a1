"""Checks, before a deployment, who may take over local users."""

from __future__ import annotations

from django.core.checks import CheckMessage

from ..conf import conf
from .messages import name, warning


def check_linking() -> list[CheckMessage]:
    """What LINK_USERS_BY means for the local users."""
    if conf.link_users_by is None:
        return []
    if conf.link_keeps_password:
        return [
            warning(
                21,
                f"{name('LINK_KEEPS_PASSWORD')} is set: a person who made a local user in the name "
                "of somebody else can still sign in as that person, with the local password.",
                "Remove it, unless you know each of your local users.",
            )
        ]
    return [
        warning(
            20,
            f"{name('LINK_USERS_BY')} is set: a new person takes over the local user with the same "
            f"{conf.link_users_by}, and that user's password and open sessions end.",
            "Remove it when all local users have signed in through the instance, or silence this.",
        )
    ]
