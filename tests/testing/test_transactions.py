"""Changes to rows, transactions, and the rules that refuse them."""

import pytest

from .conftest import CUSTOMERS, ORDERS, PRODUCTS, Api


@pytest.fixture
def customer(instance):
    return f"{CUSTOMERS}({instance.customers[0]['Id']})"


@pytest.fixture
def other_company(instance):
    company = instance.data.sets["General_EnterpriseCompanies"].rows[1]
    return {"@odata.id": f"General_EnterpriseCompanies({company['Id']})"}


def test_changes_are_seen_inside_only_until_the_commit(api, customer):
    transaction = api.begin()
    assert api.send("PATCH", customer, {"City": "Ruse"}, transaction=transaction).status_code == 204
    assert api.send("GET", customer, transaction=transaction).json()["City"] == "Ruse"
    found = f"{CUSTOMERS}?$filter=City eq 'Ruse'"
    assert len(api.send("GET", found, transaction=transaction).json()["value"]) == 1
    assert api.send("GET", found).json()["value"] == []
    assert api.end(transaction).status_code == 204
    assert api.send("GET", customer).json()["City"] == "Ruse"


def test_transaction_of_another_session_is_unknown(party, api):
    transaction = api.begin()
    party.http.cookies.clear()
    refused = Api(party, party.sign_in("admin")["access_token"]).end(transaction)
    assert refused.status_code == 500
    assert refused.json()["message"] == f"Invalid TransactionId {transaction}."


@pytest.mark.parametrize("limit", [1, 2])
def test_one_more_open_transaction_is_too_many(api, instance, limit):
    instance.concurrent_transactions = limit
    opened = [api.begin() for _ in range(limit)]
    assert api.send("POST", "BeginTransaction", {}).status_code == 429
    assert (instance.too_many_requests, instance.open_transactions) == (1, limit)
    api.end(opened[0], commit=False)
    api.begin()


@pytest.mark.parametrize("calls", [(15, 24), ()], ids=["after 25 minutes", "with its session"])
def test_transaction_ends_by_itself(api, instance, customer, calls):
    transaction = api.begin()
    for minutes in calls:
        instance.clock_offset = minutes * 60
        assert api.send("GET", customer, transaction=transaction).status_code == 200
    # A session without calls ends after 20 minutes.
    instance.clock_offset = (25 if calls else 20) * 60 + 1
    assert instance.open_transactions == 0
    assert api.send("GET", customer, transaction=transaction).status_code == 500
    api.begin()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "BeginTransaction", {"model": "backend"}),
        ("POST", "BeginTransaction", [1]),
        # Without the header TransactionId, and without tracking.
        ("POST", "EndTransaction", {"commit": True}),
        ("GET", "GetChanges", None),
    ],
)
def test_odd_calls_are_refused(api, method, path, body):
    transaction = api.begin("frontend") if path == "GetChanges" else ""
    assert api.send(method, path, body, transaction=transaction).status_code == 500


@pytest.mark.parametrize("ends", [False, True])
def test_refused_commit_ends_the_transaction_if_told_to(
    api, instance, customer, other_company, ends
):
    instance.failed_commit_ends_transaction = ends
    transaction = api.begin("frontend")
    api.send("PATCH", customer, {"EnterpriseCompany": other_company}, transaction=transaction)
    assert api.end(transaction).status_code == 500
    assert instance.open_transactions == (0 if ends else 1)
    assert api.end(transaction, commit=False).status_code == (500 if ends else 204)


def test_rule_compares_dates(api, customer):
    change = {"FromDate": "2026-02-01", "ThruDate": "2026-01-01"}
    answer = api.send("PATCH", f"{customer}?culture=bg", change)
    assert answer.status_code == 500
    assert "2026-02-01" in answer.json()["message"]
    assert answer.json()["message"].endswith("(Constraint R27159)")
    assert api.send("GET", customer).json()["FromDate"] is None


def test_duplicates_come_with_a_format_and_parameters(api):
    answer = api.send("POST", PRODUCTS, {"PartNumber": "PRD-001"})
    error = answer.json()
    assert (answer.status_code, error["code"]) == (500, 2129)
    assert error["messageFormat"].format(*error["parameters"]) == error["message"]
    assert "PRD-001" in error["parameters"]


def test_front_end_model_follows_changes(api, instance):
    order = f"{ORDERS}({instance.data.sets[ORDERS].rows[0]['Id']})"
    transaction = api.begin("frontend", trackChanges=True)
    change = {"DocumentDate": "2026-08-05T00:00:00Z"}
    api.send("PATCH", order, change, transaction=transaction)
    changes = api.send("GET", "GetChanges", transaction=transaction).json()
    (values,) = changes["update"][ORDERS].values()
    assert values.keys() == {"DocumentDate", "RequiredDeliveryDate", "PaymentDueDate"}
    assert "update" not in api.send("GET", "GetChanges", transaction=transaction).json()


@pytest.mark.parametrize(
    "change",
    [
        {"Nothing": 1},
        {"Id": "x"},
        {"Number": "C1"},
        {"CreditLimit": "5"},
        {"Active": 1},
        {"Name": 5},
        {"EnterpriseCompany": {"@odata.id": "General_EnterpriseCompanies(0)"}},
        {"EnterpriseCompany": {"Code": "none"}},
    ],
)
def test_values_that_do_not_fit_are_refused(api, customer, change):
    assert api.send("PATCH", customer, change).status_code == 500


def test_references_can_be_bound_or_found(api, customer, other_company):
    for change in (
        {"EnterpriseCompany@odata.bind": api.url + other_company["@odata.id"]},
        {"EnterpriseCompany": {"@erpnet.action": "find", "@erpnet.findBy": {"Code": "002"}}},
        {"EnterpriseCompany": {"Code": "002"}},
    ):
        assert api.send("PATCH", customer, {"EnterpriseCompany": None}).status_code == 204
        assert api.send("PATCH", customer, change).status_code == 204
        assert api.send("GET", customer).json()["EnterpriseCompany"] == other_company


def test_rows_can_be_created_and_deleted(api):
    answer = api.send("POST", CUSTOMERS, {"Number": "C90000", "Name": "New"})
    assert answer.status_code == 201
    path = answer.json()["@odata.id"]
    assert api.send("GET", path).json()["Name"] == "New"
    assert api.send("DELETE", path).status_code == 204
    assert api.send("GET", path).status_code == 404


def test_unknown_paths_are_not_found(api):
    for path in ("Nothing", "Crm_Sales_Customers(0)", "$metadata", "Crm_Sales_Customers(0)/x/y"):
        assert api.send("GET", path).status_code == 404
