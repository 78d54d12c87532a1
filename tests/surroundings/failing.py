"""The site under test, with receivers that fail when they are told to."""

import dataclasses

from django.contrib.auth import get_user_model
from django.db.models.signals import pre_save
from django.http import HttpResponse, JsonResponse
from django.urls import include, path

from erpnet_instanceid.api import user_api
from erpnet_instanceid.session import get_sign_in
from erpnet_instanceid.signals import sign_in_ended, signed_in, tokens_refreshed

from ..views import CUSTOMERS

failing = set()


class SiteError(Exception):
    """A receiver of the site fails."""


def _may_fail(name, signal, sender=None):
    def receive(**_kwargs):
        if name in failing:
            raise SiteError(name)

    signal.connect(receive, sender=sender, weak=False)


_may_fail("pre_save", pre_save, get_user_model())
_may_fail("signed_in", signed_in)
_may_fail("tokens_refreshed", tokens_refreshed)
_may_fail("sign_in_ended", sign_in_ended)


def fail(request):
    """From now on the receivers that are named fail."""
    failing.clear()
    failing.update(request.GET.getlist("at"))
    return HttpResponse()


def tokens(request):
    found = get_sign_in(request)
    return JsonResponse(dataclasses.asdict(found.token_set()) if found else {})


def calls(request):
    """A view that catches nothing."""
    user_api(request).request("GET", **_options(request))
    return HttpResponse("called")


async def async_calls(request):
    await user_api(request).arequest("GET", **_options(request))
    return HttpResponse("called")


def _options(request):
    headers = {"X-Note": "\ud800"} if "broken" in request.GET else {}
    return {"url": request.GET.get("url", CUSTOMERS), "headers": headers}


urlpatterns = [
    path("fail", fail),
    path("tokens", tokens),
    path("calls", calls),
    path("async/calls", async_calls),
    path("", include("tests.urls")),
]
