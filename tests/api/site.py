"""Pages that use the instance in every way the app offers."""

import hashlib
import json
import os

from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpResponse, JsonResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt

from erpnet_instanceid.api import service_api, user_api
from erpnet_instanceid.decorators import reauthenticate
from erpnet_instanceid.errors import APIError
from erpnet_instanceid.models import SignIn
from erpnet_instanceid.oidc.errors import InstanceIDError
from erpnet_instanceid.session import aget_sign_in, aget_tokens, get_identity, get_sign_in

CUSTOMERS = "Crm_Sales_Customers"


@login_required
def call(request):
    """Calls ``url`` as the visitor; errors that a site would catch, told."""
    options = json.loads(request.GET.get("options", "{}"))
    method, url = request.GET.get("method", "GET"), request.GET["url"]
    try:
        answer = user_api(request).request(method, url, **options)
    except APIError as error:
        told = {"code": error.code, "type": error.type, "status": error.status}
        return JsonResponse({**told, "message": error.message, "text": str(error)})
    except InstanceIDError as error:
        return JsonResponse({"code": error.code, "kind": type(error).__name__})
    return JsonResponse({"status": answer.status_code, "size": len(answer.content)})


@login_required
def uncaught(request):
    user_api(request).get(CUSTOMERS)
    return HttpResponse("served")


@login_required
def listed(request):
    params = json.loads(request.GET.get("params", "{}"))
    size = int(request.GET.get("size", 100))
    customers = user_api(request).items(CUSTOMERS, params, page_size=size)
    return JsonResponse({"ids": [customer["Id"] for customer in customers]})


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
    found = get_identity(request)
    return JsonResponse({} if found is None else vars(found))


def own_sign_in(request):
    found = get_sign_in(request)
    return JsonResponse({"pk": found and str(found.pk)})


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
@transaction.atomic
def in_atomic(request):
    size = len(user_api(request).get(CUSTOMERS).json()["value"])
    transaction.set_rollback(True)
    return JsonResponse({"count": size})


@login_required
def order(request):
    """A form that a visitor fills in for a while."""
    return JsonResponse({"posted": {name: request.POST.getlist(name) for name in request.POST}})


urlpatterns = [
    path("", include("tests.urls")),
    path("call", call),
    path("uncaught", uncaught),
    path("listed", listed),
    path("service", service),
    path("profile", profile),
    path("identity", identity),
    path("own-sign-in", own_sign_in),
    path("own-tokens", own_tokens),
    path("as-other", as_other),
    path("sensitive", sensitive),
    path("in-atomic", in_atomic),
    path("order", order),
    path("exempt-order", csrf_exempt(order)),
]
