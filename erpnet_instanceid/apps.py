"""The app."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Tags, register
from django.utils.translation import gettext_lazy as _

# Imported while nothing else runs: josepy's modules import each other, which breaks when threads
# race to be first.
from .oidc import jose  # noqa: F401
from .signin.daphne import hide_answers


class InstanceIDConfig(AppConfig):
    name = "erpnet_instanceid"
    verbose_name = _("Instance ID")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # This module registers receivers, and imports models, which exist from now on.
        from .tokens import logins  # noqa: F401

        hide_answers()


# Both import the checks where Django runs them: a process that only answers requests runs none.
@register(Tags.security)
def _check(**_kwargs: Any) -> list[CheckMessage]:
    from .checks import check_settings, check_site

    return [*check_settings(), *check_site()]


@register(Tags.security, deploy=True)
def _check_deployment(**_kwargs: Any) -> list[CheckMessage]:
    from .checks import check_linking

    return check_linking()
