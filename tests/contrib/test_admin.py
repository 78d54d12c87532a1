"""Django's admin with the instance as its way in."""

import pytest
from django.contrib.auth import get_user_model

pytestmark = pytest.mark.django_db
PAGE = "/admin/auth/user/?q=x"


def test_stranger_comes_in_by_the_instance(client, instance_sign_in):
    login = client.get(PAGE).headers["Location"]
    assert client.get(login).headers["Location"] == "/signin?next=%2Fadmin%2Fauth%2Fuser%2F%3Fq%3Dx"
    assert instance_sign_in(client, "admin", next=PAGE).headers["Location"] == PAGE
    assert client.get(PAGE).status_code == 200


@pytest.mark.parametrize("page", ["/admin/", "/admin/login/?next=/admin/", PAGE, "/admin/nowhere"])
def test_employee_gets_a_403_and_no_loop(client, instance_sign_in, page):
    instance_sign_in(client, "maria")
    assert client.get(page).status_code == 403


@pytest.mark.parametrize("login", ["admin", "maria"])
def test_log_out_leads_to_the_instance(client, instance_sign_in, login):
    instance_sign_in(client, login)
    response = client.post("/admin/logout/")
    assert (response.status_code, response.headers["Location"]) == (307, "/signout")


def test_foreign_page_is_not_gone_to(client):
    response = client.get("/admin/login/?next=https://evil.test/")
    assert response.headers["Location"] == "/signin?next=%2Fadmin%2F"


def test_local_superuser_comes_in_by_password(client):
    get_user_model().objects.create_superuser("root", password="tests only")
    assert client.get("/admin/password/").status_code == 200
    form = {"username": "root", "password": "tests only", "next": "/admin/"}
    assert client.post("/admin/password/", form).headers["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200
