"""The admin: a row that is deleted there has ended first."""

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.utils import timezone

from erpnet_instanceid.models import Account, SignIn


def press(admin, model, pk, how):
    """Has one row of a table deleted, or its visitor signed out, in one of the admin's ways."""
    table = f"/admin/erpnet_instanceid/{model}/"
    if how == "delete":
        response = admin.post(f"{table}{pk}/delete/", {"post": "yes"})
    else:
        form = {"action": how, "_selected_action": str(pk), "post": "yes"}
        response = admin.post(table, form)
    assert response.status_code == 302, response.text


@pytest.mark.parametrize(
    ("model", "how"),
    [
        ("signin", "end_sign_ins"),
        ("signin", "delete"),
        ("signin", "delete_selected"),
        ("account", "delete"),
        ("account", "delete_selected"),
    ],
)
def test_visitor_whose_row_goes_is_signed_out(new_visitor, ends, model, how):
    admin, maria = new_visitor(), new_visitor()
    admin.sign_in("admin")
    maria.sign_in("maria")
    key = maria.whoami()["session"]
    sign_in = SignIn.objects.get(session_key=key)
    row = sign_in.account if model == "account" else sign_in

    press(admin, model, row.pk, how)

    assert type(row).objects.filter(pk=row.pk).exists() is (how == "end_sign_ins")
    assert ends == [("ended_in_admin", "maria")]
    assert not Session.objects.filter(session_key=key).exists()
    assert maria.whoami()["user"] == ""
    assert admin.whoami()["user"] == "admin"


@pytest.fixture
def new_operator(new_visitor):
    """Makes a user of the admin with the named permissions."""

    def make(*allowed):
        user = User.objects.create_user("operator", password="right", is_staff=True)
        for codename in allowed:
            model = {"account": Account, "signin": SignIn}[codename.partition("_")[2]]
            kind = ContentType.objects.get_for_model(model)
            # There may be none: see `django_db_setup`.
            found, _ = Permission.objects.get_or_create(content_type=kind, codename=codename)
            user.user_permissions.add(found)
        operator = new_visitor()
        form = {"username": "operator", "password": "right"}
        assert operator.post("/admin/password/?next=/admin/", form).status_code == 302
        return operator

    return make


@pytest.mark.parametrize("model", ["signin", "account"])
def test_nobody_adds_or_changes_a_row(new_visitor, new_operator, model):
    """Even with every permission."""
    new_visitor().sign_in("maria")
    operator = new_operator(*(f"{verb}_{model}" for verb in ("view", "add", "change", "delete")))
    row = (Account if model == "account" else SignIn).objects.get()
    table = f"/admin/erpnet_instanceid/{model}/"

    for address in (f"{table}add/", f"{table}{row.pk}/change/"):
        assert operator.post(address, {"sub": "admin", "generation": "5"}).status_code == 403
    assert operator.get(f"{table}add/").status_code == 403
    page = operator.get(f"{table}{row.pk}/change/")
    assert page.status_code == 200
    assert 'name="_save"' not in page.text


@pytest.mark.parametrize("allowed", [False, True])
def test_user_without_the_permission_ends_no_sign_in(new_visitor, new_operator, ends, allowed):
    maria = new_visitor()
    maria.sign_in("maria")
    operator = new_operator("view_signin", *(["delete_signin"] if allowed else []))
    table = "/admin/erpnet_instanceid/signin/"

    assert ("end_sign_ins" in operator.get(table).text) is allowed
    form = {"action": "end_sign_ins", "_selected_action": str(SignIn.objects.get().pk)}
    operator.post(table, form)

    assert ends == ([("ended_in_admin", "maria")] if allowed else [])
    assert maria.whoami()["user"] == ("" if allowed else "maria")


def test_pages_title_a_sign_in_and_show_no_secret(new_visitor):
    admin = new_visitor()
    admin.sign_in("admin")
    sign_in = SignIn.objects.get()
    SignIn.objects.update(started="2026-03-01 10:20Z", generation=4)
    table = "/admin/erpnet_instanceid/signin/"

    listed, page = (admin.get(address).text for address in (table, f"{table}{sign_in.pk}/change/"))

    assert "admin, 03/01/2026 4:20 a.m." in page
    assert "Times renewed:</label>" in page.replace("\n", "")
    assert str(sign_in.pk) not in page.partition("<h2>")[2].partition("</h2>")[0]
    assert sign_in.tokens
    for text in (listed, page):
        assert sign_in.tokens not in text
        assert sign_in.session_key not in text


def test_sign_ins_are_told_apart_by_state(admin_client, account):
    # Its visitor is still at the pages of the instance: no sign-in yet.
    SignIn.objects.create(attempt="under way")
    SignIn.objects.create(attempt="1", account=account)
    SignIn.objects.create(attempt="2", account=account, ended=timezone.now())
    table = "/admin/erpnet_instanceid/signin/"
    for query, found in (
        ("", "2 sign-ins"),
        ("?state=open", "1 sign-in"),
        ("?state=over", "1 sign-in"),
    ):
        assert f"{found}\n" in admin_client.get(table + query).text


def test_sign_ins_that_have_ended_go_at_once(admin_client, account, django_assert_max_num_queries):
    """There may be very many."""
    for number in range(50):
        SignIn.objects.create(attempt=str(number), account=account, ended=timezone.now())
    form = {"action": "delete_selected", "select_across": "1", "post": "yes"}
    form["_selected_action"] = str(SignIn.objects.first().pk)

    with django_assert_max_num_queries(30):
        admin_client.post("/admin/erpnet_instanceid/signin/", form)

    assert not SignIn.objects.exists()
