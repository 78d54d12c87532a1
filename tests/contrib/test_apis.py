"""APIs of a site by Django REST framework and by django-ninja: scripts learn where to sign in."""

import re

import pytest
from django.test import Client
from django.urls import include, path
from django.utils import timezone
from ninja import NinjaAPI
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response

from erpnet_instanceid.contrib.ninja import InstanceIDAuth
from erpnet_instanceid.contrib.rest_framework import InstanceIDAuthentication
from erpnet_instanceid.models import SignIn

SCRIPT = {"Accept": "application/json", "Sec-Fetch-Mode": "cors", "Referer": "http://testserver/"}
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@api_view(["GET", "POST"])
@authentication_classes([InstanceIDAuthentication])
@permission_classes([IsAuthenticated])
def framework(request):
    return Response({"user": request.user.get_username()})


@api_view(["GET"])
@permission_classes([IsAuthenticated])
def stock(request):
    return Response({"user": request.user.get_username()})


ninja = NinjaAPI(auth=InstanceIDAuth(), urls_namespace="ninja")


@ninja.api_operation(["GET", "POST"], "/who")
def who(request):
    return {"user": request.user.get_username()}


urlpatterns = [
    path("framework", framework),
    path("stock", stock),
    path("ninja/", ninja.urls),
    path("", include("tests.urls")),
]


@pytest.mark.parametrize("address", ["/framework", "/ninja/who"])
def test_script_is_told_where_to_sign_in_and_let_in(client, instance_sign_in, address):
    response = client.get(address, headers=SCRIPT)
    assert response.status_code == 401
    assert response.json()["error"] == "sign_in_required"
    assert response.json()["sign_in_url"] == "/signin?next=%2F"
    instance_sign_in(client, "maria")
    assert client.get(address, headers=SCRIPT).json() == {"user": "maria"}


@pytest.mark.parametrize("address", ["/framework", "/ninja/who"])
def test_csrf_check_stays(instance_sign_in, address):
    client = Client(enforce_csrf_checks=True)
    instance_sign_in(client, "maria")
    assert client.post(address, headers=SCRIPT).status_code == 403
    token = re.search(r'csrfmiddlewaretoken" value="([^"]+)"', client.get("/signout").text)
    headers = {**SCRIPT, "X-CSRFToken": token[1]}
    assert client.post(address, headers=headers).status_code == 200


def test_stock_class_says_so_when_the_sign_in_has_ended(client, instance_sign_in):
    instance_sign_in(client, "maria")
    SignIn.objects.update(ended=timezone.now())
    session = client.session
    session["erpnet_instanceid"] |= {"renew_at": 0, "expires_at": 0}
    session.save()
    client.handler = type(client.handler)()
    response = client.get("/stock", headers=SCRIPT)
    assert (response.status_code, response.json()["error"]) == (401, "sign_in_required")
