"""The instance's other sites: Domain API, profile, auto-discovery."""

from __future__ import annotations

import pytest
import requests

ROOT = "/api/domain/odata/"
CUSTOMERS = f"{ROOT}Crm_Sales_Customers"


@pytest.fixture
def token(party):
    return party.sign_in("maria")["access_token"]


def test_auto_discovery_lists_the_sites(instance):
    for path in ("/sys/auto-discovery", "/tools/auto-discovery"):
        sites = requests.get(instance.url + path, timeout=5).json()["WebSites"]
        by_type = {site["Type"]: site for site in sites}
        assert by_type["ID"]["Url"] == instance.issuer
        root = by_type["DomainAPI"]["AdditionalProperties"]["ODataServiceRoot"]
        assert root == f"{instance.url}/api/domain/odata/"
        assert by_type["UserProfile"]["Url"] == f"{instance.url}/profile"


def test_customers_come_in_pages(instance, party, token):
    instance.page_size = 200
    found, link = [], "Crm_Sales_Customers"
    while link:
        page = party.get(ROOT + link, token).json()
        found += page["value"]
        link = page.get("@odata.nextLink")
    assert len({customer["Id"] for customer in found}) == 500


def test_top_and_skip(party, token):
    page = party.get(f"{CUSTOMERS}?$top=10&$skip=495", token).json()
    assert len(page["value"]) == 5
    assert "@odata.nextLink" not in page
    assert len(party.get(f"{CUSTOMERS}?$top=10", token).json()["value"]) == 10


def test_top_is_the_page_size_and_links_continue(instance, party, token):
    """As documented by ERP.net: Domain API, Paging."""
    instance.page_size = 100
    page = party.get(f"{CUSTOMERS}?$top=150&$count=true", token).json()
    assert len(page["value"]) == 100
    assert page["@odata.nextLink"] == (
        f"Crm_Sales_Customers?$top=150&$count=true&$skiptoken={instance.customers[100]['Id']}"
    )
    page = party.get(f"{CUSTOMERS}?$top=20&$skip=20", token).json()
    assert page["@odata.nextLink"] == "Crm_Sales_Customers?$top=20&$skip=40"


def test_one_customer_can_be_read_and_changed(instance, party, token):
    customer = party.get(f"{CUSTOMERS}?$top=1", token).json()["value"][0]
    path = f"{CUSTOMERS}({customer['Id']})"
    assert party.get(path, token).json() == customer
    headers = {"Authorization": f"Bearer {token}"}
    answer = requests.patch(instance.url + path, json={"City": "Ruse"}, headers=headers, timeout=5)
    assert answer.status_code == 204
    assert party.get(path, token).json()["City"] == "Ruse"
    answer = requests.patch(instance.url + path, json={"Id": "x"}, headers=headers, timeout=5)
    assert answer.status_code == 500
    assert party.get(f"{CUSTOMERS}(none)", token).status_code == 404


def test_change_needs_the_scope_update(instance, party):
    token = party.sign_in("maria", scope="openid read")["access_token"]
    customer = party.get(f"{CUSTOMERS}?$top=1", token).json()["value"][0]
    answer = requests.patch(
        f"{instance.url}{CUSTOMERS}({customer['Id']})",
        json={"City": "Ruse"},
        headers={"Authorization": f"Bearer {token}"},
        timeout=5,
    )
    assert answer.status_code == 403
    assert "insufficient_scope" in answer.headers["WWW-Authenticate"]


def test_community_users_have_no_api(party):
    token = party.sign_in("community")["access_token"]
    assert party.get(CUSTOMERS, token).status_code == 403
    assert party.get("/profile/me", token).json()["userType"] == "ExternalCommunityUser"


def test_service_tokens_have_the_api(party):
    token = party.ask("client_credentials", scope="read").json()["access_token"]
    assert party.get(f"{CUSTOMERS}?$top=1", token).status_code == 200


def test_tokens_are_checked(instance, party, token):
    other = party.sign_in("maria")["id_token"]
    for bad in ("", "x", "a.b.c", token[:-4] + "AAAA", other):
        answer = party.get(CUSTOMERS, bad)
        assert answer.status_code == 401
        assert "invalid_token" in answer.headers["WWW-Authenticate"]
    instance.change("access_token", lambda t: t.claims.update(iss="https://other.test/id"))
    assert party.get(CUSTOMERS, party.sign_in()["access_token"]).status_code == 401


def test_licences_run_out_and_sign_out_releases_them(instance, party, token):
    instance.licence_slots = 1
    assert party.get(CUSTOMERS, token).status_code == 200
    party.http.cookies.clear()
    other = party.sign_in("admin")
    refused = party.get(CUSTOMERS, other["access_token"])
    assert refused.status_code == 500
    assert "MaximumLicenseCountExceeded" in refused.json()["message"]
    assert refused.json()["code"] == 0
    assert instance.licences_taken == 1
    instance.end_session_of("maria")
    assert party.get(CUSTOMERS, other["access_token"]).status_code == 200


def test_refreshing_keeps_the_slot_and_idle_slots_end(instance, party):
    instance.licence_slots = 1
    tokens = party.sign_in("maria")
    party.get(CUSTOMERS, tokens["access_token"])
    refreshed = party.refresh(tokens["refresh_token"]).json()
    assert party.get(CUSTOMERS, refreshed["access_token"]).status_code == 200
    party.http.cookies.clear()
    instance.clock_offset = 20 * 60 + 1
    other = party.sign_in("admin")["access_token"]
    assert party.get(CUSTOMERS, other).status_code == 200


def test_me_describes_the_user(instance, party, token):
    me = party.get("/profile/me", token).json()
    assert me["login"] == "maria"
    assert me["id"] == instance.people["maria"].id
    assert me["isAdmin"] is False
    assert me["preferredLanguage"] == "bg"


def test_me_names_what_the_documentation_lists(instance, party, token):
    answer = party.get("/profile/me", token)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Language"] == "bg"
    me = answer.json()
    assert me["instance"] == {"database": "DEMO", "url": instance.url}
    assert me["person"]["name"] == "Мария Иванова"
    assert {"phoneNumber", "pictureUrl", "largePictureUrl", "domain", "links"} <= me.keys()


MISSING = f"{CUSTOMERS}(00000000-0000-0000-0000-000000000000)"


def test_error_has_the_documented_members(party, token):
    answer = party.get(MISSING, token)
    assert answer.status_code == 404
    error = answer.json()
    assert error.keys() == {"message", "code", "type", "info", "messageFormat", "parameters"}
    assert (error["code"], error["type"]) == (0, "InvalidOperationException")


def test_error_can_be_wrapped(instance, party, token):
    instance.error_shape = "wrapped"
    assert party.get(MISSING, token).json()["error"]["code"] == 0


@pytest.mark.parametrize(
    ("culture", "cookie", "header", "is_bulgarian"),
    [
        ("", "", "", False),
        ("", "", "bg-BG,en;q=0.5", True),
        ("", "c=bg|uic=bg", "en", True),
        ("en", "bg", "bg", False),
        ("bg", "en", "en", True),
        ("", "", "fr", False),
    ],
)
def test_errors_are_in_the_language_asked_for(
    instance, token, culture, cookie, header, is_bulgarian
):
    headers = {"Authorization": f"Bearer {token}", "Accept-Language": header}
    if cookie:
        headers["Cookie"] = f".AspNetCore.Culture={cookie}"
    params = {"culture": culture} if culture else {}
    answer = requests.get(instance.url + MISSING, params=params, headers=headers, timeout=5)
    assert ("Не съществува" in answer.json()["message"]) is is_bulgarian
