"""Checks that Django can show the app's pages."""

from __future__ import annotations

from collections.abc import Iterator

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage
from django.template import TemplateDoesNotExist
from django.template.loader import get_template

from .messages import error, warning

DJANGO_TEMPLATES = "django.template.backends.django.DjangoTemplates"


def check_pages() -> Iterator[CheckMessage]:
    yield from _templates()
    yield from _static_url()


def _templates() -> Iterator[CheckMessage]:
    try:
        get_template("erpnet_instanceid/error.html")
    except TemplateDoesNotExist:
        yield error(
            32,
            "TEMPLATES has no engine that finds this app's pages.",
            f'Add {{"BACKEND": "{DJANGO_TEMPLATES}", "APP_DIRS": True}} to TEMPLATES, also beside '
            "Jinja2.",
        )


def _static_url() -> Iterator[CheckMessage]:
    if settings.STATIC_URL:
        return
    cure = 'Set STATIC_URL = "static/".'
    if apps.is_installed("django.contrib.staticfiles"):
        yield error(31, "STATIC_URL is not set, so this app's pages fail.", cure)
    else:
        yield warning(16, "STATIC_URL is not set, so this app's pages have no style sheet.", cure)
