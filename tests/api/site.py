"""Pages that use the instance in every way the app offers."""

import hashlib
import os

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, JsonResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt

from erpnet_instanceid.api import service_api, user_api
from erpnet_instanceid.decorators import reauthenticate
from erpnet_instanceid.errors import APIError
from erpnet_instanceid.models import SignIn
from erpnet_instanceid.session import aget_sign_in, aget_tokens, get_identity, get_sign_in

CUSTOMERS = "Crm_Sales_Customers"


@login_required
def call(request):
    """Calls as the visitor; the code of an error that a site would catch."""
    try:
        user_api(request).get(CUSTOMERS)
    except APIError as error:
        return HttpResponse(error.code)
    return HttpResponse("served")


@login_required
def uncaught(request):
    user_api(request).get(CUSTOMERS)
    return HttpResponse("served")


def service(request):
    """Calls as the service, ``times`` over, and says in which process and with which tokens."""
    used = set()
    for _ in range(int(request.GET.get("times", 1))):
        answer = service_api().get(CUSTOMERS, params={"$top": 100})
        used.add(hashlib.sha256(answer.request.headers["Authorization"].encode()).hexdigest())
    count = len(answer.json()["value"])
    return JsonResponse({"count": count, "process": os.getpid(), "tokens": sorted(used)})


@login_required
def profile(request):
    return JsonResponse(user_api(request).me())


def identity(request):
    sign_in, found = get_sign_in(request), get_identity(request)
    return JsonResponse({"pk": str(sign_in.pk), **vars(found)} if sign_in and found else {})


def as_other(request):
    """Calls as the person of another sign-in, who is not the visitor of this request."""
    SignIn.objects.get(pk=request.GET["pk"]).api().get(CUSTOMERS)
    return HttpResponse("called")


@login_required
@reauthenticate(max_age=300)
def sensitive(request):
    return JsonResponse({"method": request.method, "posted": request.POST.get("amount")})


async def own_tokens(request):
    """Asks as an async view does; tells the sign-in and the profile, never a token."""
    sign_in, tokens = await aget_sign_in(request), await aget_tokens(request)
    me = await user_api(request).ame() if tokens else {}
    return JsonResponse(
        {
            "pk": sign_in and str(sign_in.pk),
            "scope": tokens and tokens.scope,
            "login": me.get("login"),
        }
    )


@login_required
def order(request):
    """A form that a visitor fills in for a while."""
    return JsonResponse({"posted": {name: request.POST.getlist(name) for name in request.POST}})


urlpatterns = [
    path("", include("tests.urls")),
    path("call", call),
    path("uncaught", uncaught),
    path("service", service),
    path("profile", profile),
    path("identity", identity),
    path("own-tokens", own_tokens),
    path("as-other", as_other),
    path("sensitive", sensitive),
    path("order", order),
    path("exempt-order", csrf_exempt(order)),
]
