"""No flow test may let a secret out, whatever it is about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import django
import pytest

from ..leaks import Watch, watching

ADMIN = "operator@rp.test"


@pytest.fixture(autouse=True)
def no_leaks(request: pytest.FixtureRequest, settings: Any) -> Iterator[Watch]:
    """Row HYG-01, for every test here: DEBUG logs, error mails, pages and tables hold no secret."""
    on_site = "live_server" in request.fixturenames
    site = request.getfixturevalue("live_server").url if on_site else ""
    _receive_error_mails(settings)
    watch = Watch(site)
    with watching(watch):
        yield watch
    instance = getattr(request.node, "funcargs", {}).get("instance_id")
    if instance is not None:
        watch.learn("client_secret", instance.application_secret)
    watch.note_mail()
    if on_site:
        watch.note_database()
    leaks = watch.leaks()
    assert not leaks, "secrets that came out:\n" + "\n".join(leaks)


def _receive_error_mails(settings: Any) -> None:
    settings.ADMINS = [ADMIN] if django.VERSION >= (6, 0) else [("Operator", ADMIN)]
    if django.VERSION >= (6, 1):
        settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
