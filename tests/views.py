"""The pages of the site under test."""

import dataclasses
import time

from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_required, permission_required
from django.contrib.auth.models import Group
from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.http import HttpResponse, JsonResponse
from django.template import RequestContext, Template

from erpnet_instanceid.api import user_api
from erpnet_instanceid.models import SignIn, sealed_tokens
from erpnet_instanceid.oidc.errors import InstanceUnavailable
from erpnet_instanceid.session import aget_identity, get_sign_in, get_tokens

from .support.ageing import older_by

CUSTOMERS = "/api/domain/odata/Crm_Sales_Customers"


class MeantToFailError(Exception):
    """A page that fails."""


def home(request):
    return HttpResponse("home")


def button(request):
    """A public page of the site, with the button of the app."""
    template = Template("{% load instanceid %}<title>Orders</title>{% signin_button '/private' %}")
    return HttpResponse(template.render(RequestContext(request)))


def plain(request):
    """A page that looks at neither the session nor the user."""
    return HttpResponse("plain")


def whoami(request):
    tokens = get_tokens(request)
    return JsonResponse(
        {
            "user": request.user.get_username(),
            "is_staff": getattr(request.user, "is_staff", False),
            "session": request.session.session_key,
            "basket": request.session.get("basket"),
            "scope": tokens.scope if tokens else None,
            "generation": request.session.get("erpnet_instanceid", {}).get("generation"),
            "expires_at": request.session.get("erpnet_instanceid", {}).get("expires_at"),
        }
    )


def age(request):
    """Makes the visitor's tokens as old as if a minute had passed, on the session and the row."""
    held = request.session["erpnet_instanceid"]
    request.session["erpnet_instanceid"] = older_by(60, held)
    sign_in = get_sign_in(request)
    tokens = sign_in.token_set()
    older = dataclasses.replace(tokens, expires_at=tokens.expires_at - 60)
    SignIn.objects.filter(pk=sign_in.pk).update(tokens=sealed_tokens(older))
    return HttpResponse("older")


@login_required
def private(request):
    return HttpResponse(f"private page of {request.user.get_username()}")


@permission_required("erpnet_instanceid.view_signin")
def permitted(request):
    """A page that redirects a visitor without the permission to sign-in, Django's default."""
    return HttpResponse("permitted page")


def basket(request):
    if "add" in request.GET:
        request.session["basket"] = [*request.session.get("basket", []), request.GET["add"]]
    return JsonResponse({"basket": request.session.get("basket", [])})


@login_required
def customers(request):
    answer = user_api(request).get(CUSTOMERS, params={"$top": 3})
    return JsonResponse(answer.json())


def api(request):
    """Calls the instance as often as it is told to, and says how it went."""
    try:
        for _ in range(int(request.GET.get("times", 1))):
            answer = user_api(request).get(CUSTOMERS, params={"$top": 1})
    except InstanceUnavailable as error:
        return JsonResponse({"error": error.code}, status=503)
    return JsonResponse({"customers": len(answer.json()["value"])})


def slow(request):
    """Works for a while; with ``put`` it writes the session that it read first."""
    request.session.get("basket")
    time.sleep(float(request.GET["seconds"]))
    if "put" in request.GET:
        request.session["put"] = request.GET["put"]
    return HttpResponse("slow")


def fails(request):
    if "api" in request.GET:
        user_api(request).get(CUSTOMERS, params={"$top": 1})
    raise MeantToFailError


def cycle(request):
    request.session.cycle_key()
    return JsonResponse({"session": request.session.session_key})


def terms(request):
    """Carries the form out, and then redirects to sign-in for another page."""
    request.session["terms"] = request.session.get("terms", 0) + 1
    return redirect_to_login("/private")


def api_in_atomic(request):
    """Calls the instance inside a transaction that has written, and then may fail."""
    name = request.GET.get("name", "")
    with transaction.atomic():
        if "lock" in request.GET:
            get_user_model().objects.select_for_update().get(pk=request.user.pk)
        if name:
            Group.objects.create(name=name)
        answer = api(request)
        time.sleep(float(request.GET.get("seconds", 0)))
        if "fail" in request.GET:
            raise MeantToFailError
    return answer


async def async_whoami(request):
    user = await request.auser()
    held = await request.session.aget("erpnet_instanceid", {})
    return JsonResponse(
        {
            "user": user.get_username(),
            "session": request.session.session_key,
            "generation": held.get("generation"),
        }
    )


async def async_identity(request):
    """Asks for nothing but who the visitor is at the instance."""
    identity = await aget_identity(request)
    return JsonResponse(vars(identity) if identity else {})


async def async_api(request):
    try:
        answer = await user_api(request).arequest("GET", CUSTOMERS, params={"$top": 1})
    except InstanceUnavailable as error:
        return JsonResponse({"error": error.code}, status=503)
    return JsonResponse({"customers": len(answer.json()["value"])})
