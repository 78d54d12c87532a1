"""The app."""

from __future__ import annotations

from django.apps import AppConfig
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
        # These modules register checks and receivers, and import models, which exist from now on.
        from . import checks  # noqa: F401
        from .tokens import logins  # noqa: F401

        hide_answers()
