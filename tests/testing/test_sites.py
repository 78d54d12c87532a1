"""The instance's other sites: Domain API, profile, auto-discovery."""

import pytest
import requests

from .conftest import ROOT, Api

CUSTOMERS = f"{ROOT}Crm_Sales_Customers"


def test_auto_discovery_lists_the_sites(instance):
    for path in ("/sys/auto-discovery", "/tools/auto-discovery"):
        sites = requests.get(instance.url + path, timeout=5).json()["WebSites"]
        by_type = {site["Type"]: site for site in sites}
        assert by_type["ID"]["Url"] == instance.issuer
        root = by_type["DomainAPI"]["AdditionalProperties"]["ODataServiceRoot"]
        assert root == f"{instance.url}/api/domain/odata/"
        assert by_type["UserProfile"]["Url"] == f"{instance.url}/profile"


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


def test_change_needs_the_scope_update(party):
    token = party.sign_in("maria", scope="openid read")["access_token"]
    customer = party.get(f"{CUSTOMERS}?$top=1", token).json()["value"][0]
    address = f"Crm_Sales_Customers({customer['Id']})"
    answer = Api(party, token).send("PATCH", address, {"City": "Ruse"})
    assert answer.status_code == 403
    assert "insufficient_scope" in answer.headers["WWW-Authenticate"]


def test_community_users_have_no_api(party):
    token = party.sign_in("community")["access_token"]
    assert party.get(CUSTOMERS, token).status_code == 403
    assert party.get("/profile/me", token).json()["userType"] == "ExternalCommunityUser"


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


def test_me_names_what_the_documentation_lists(instance, party, token):
    answer = party.get("/profile/me", token)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Language"] == "bg"
    me = answer.json()
    maria = instance.people["maria"]
    told = me["login"], me["id"], me["isAdmin"], me["preferredLanguage"]
    assert told == ("maria", maria.id, False, "bg")
    assert me["instance"] == {"database": "DEMO", "url": instance.url}
    assert me["person"]["name"] == "Мария Иванова"
    assert {"phoneNumber", "pictureUrl", "largePictureUrl", "domain", "links"} <= me.keys()


MISSING = f"{CUSTOMERS}(00000000-0000-0000-0000-000000000000)"


@pytest.mark.parametrize("shape", ["flat", "wrapped"])
def test_error_has_the_documented_members(instance, party, token, shape):
    instance.error_shape = shape
    answer = party.get(MISSING, token)
    assert answer.status_code == 404
    error = answer.json()["error"] if shape == "wrapped" else answer.json()
    assert error.keys() == {"message", "code", "type", "info", "messageFormat", "parameters"}
    assert (error["code"], error["type"]) == (0, "InvalidOperationException")


def test_errors_are_in_the_language_asked_for(instance, token):
    def is_bulgarian(header="", cookie="", culture=None):
        headers = {"Authorization": f"Bearer {token}", "Accept-Language": header}
        headers["Cookie"] = f".AspNetCore.Culture={cookie}"
        params = {"culture": culture}
        answer = requests.get(instance.url + MISSING, params=params, headers=headers, timeout=5)
        return "Не съществува" in answer.json()["message"]

    assert not is_bulgarian()
    assert not is_bulgarian("fr")
    assert is_bulgarian("bg-BG,en;q=0.5")
    assert is_bulgarian("en", cookie="c=bg|uic=bg")
    assert not is_bulgarian("bg", cookie="bg", culture="en")
    assert is_bulgarian("en", cookie="en", culture="bg")
