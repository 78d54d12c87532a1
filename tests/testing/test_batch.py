"""Batches, imports and printouts."""

import json

import pytest

from .conftest import CUSTOMERS, ORDERS, PRODUCTS


def batch(*parts):
    """A batch with the calls, of which those in a list are one change set."""
    text = ""
    for part in parts:
        if isinstance(part, list):
            text += "--b\nContent-Type: multipart/mixed; boundary=c\n\n"
            text += "".join(call(one, "c", number) for number, one in enumerate(part, 1))
            text += "--c--\n"
        else:
            text += call(part, "b", 0)
    return f"{text}--b--\n"


def call(request, boundary, number):
    line, _, body = request.partition("\n")
    head = f"--{boundary}\nContent-Type: application/http\nContent-Transfer-Encoding: binary\n"
    content_id = f"Content-ID: {number}\n" if number else ""
    kind = "Content-Type: application/json\n" if body else ""
    return f"{head}{content_id}\n{line} HTTP/1.1\n{kind}\n{body}\n"


@pytest.fixture
def send(api):
    return api.send


@pytest.fixture
def send_batch(send):
    def send_batch(*parts, **headers):
        kind = {"Content-Type": "multipart/mixed; boundary=b"}
        answer = send("POST", "$batch", batch(*parts), **kind, **headers)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("multipart/mixed; boundary=batchresponse_")
        return answer.text

    return send_batch


NEW = json.dumps({"PartNumber": "PRD-100", "EnterpriseCompany": {"Code": "001"}})
REFUSED = json.dumps({"PartNumber": "PRD-005", "ProductGroup": {"Code": "450"}})


def test_batch_answers_each_call(send_batch):
    answer = send_batch(f"GET {CUSTOMERS}?$top=1&$select=Number", f"GET {PRODUCTS}?$top=1")
    assert answer.count("HTTP/1.1 200 OK") == 2
    assert "C00001" in answer
    assert "PRD-001" in answer


def test_change_set_refers_to_its_new_objects(send_batch, send):
    change = json.dumps({"StandardPrice": {"Value": 12, "Currency": "EUR"}})
    answer = send_batch([f"POST {PRODUCTS}\n{NEW}", f"PATCH $1\n{change}"])
    assert "HTTP/1.1 201 Created" in answer
    assert "HTTP/1.1 204 No Content" in answer
    (row,) = send("GET", f"{PRODUCTS}?$filter=PartNumber eq 'PRD-100'").json()["value"]
    assert row["StandardPrice"]["Value"] == 12


def test_change_set_is_done_as_a_whole_or_not_at_all(send_batch, send):
    answer = send_batch([f"POST {PRODUCTS}\n{NEW}", "DELETE Nothing(0)"])
    assert answer.count("HTTP/1.1 ") == 1
    assert "HTTP/1.1 404 Not Found" in answer
    assert "Content-ID: 2" in answer
    assert len(send("GET", PRODUCTS).json()["value"]) == 4


def test_error_in_a_batch_is_wrapped(send_batch):
    answer = send_batch([f"POST {PRODUCTS}\n{REFUSED}"], **{"Accept-Language": "bg"})
    assert "HTTP/1.1 500 Internal Server Error" in answer
    error = json.loads(next(line for line in answer.splitlines() if line.startswith("{")))
    assert error.keys() == {"error"}
    assert error["error"]["message"].endswith("(Constraint R17342)")
    assert error["error"]["message"].startswith("Грешка")


def test_batch_of_another_kind_is_refused(send):
    assert send("POST", "$batch", "{}", **{"Content-Type": "application/json"}).status_code == 500


def test_import_answers_200_with_a_result_for_each_object(send):
    body = {
        "objects": [
            {"@odata.type": "Erp.General_Products_Product", **json.loads(NEW)},
            {"@odata.type": "Erp.General_Products_Product", **json.loads(REFUSED)},
            {"@odata.type": "Erp.Nothing"},
        ]
    }
    answer = send("POST", "Import", body)
    assert answer.status_code == 200
    told = answer.json()
    assert told["@erpnet.result"] == "fail"
    good, refused, unknown = told["objects"]
    assert (good["@erpnet.result"], good["@erpnet.state"]) == ("success", "Added")
    assert refused["@erpnet.message"].endswith("(Constraint R17342)")
    assert refused["@erpnet.error"]["code"] == 2029
    assert unknown["@erpnet.result"] == "fail"
    assert len(send("GET", PRODUCTS).json()["value"]) == 5


def test_import_can_be_one_transaction(send):
    items = [{"@odata.type": PRODUCTS, **json.loads(item)} for item in (NEW, REFUSED)]
    told = send("POST", "Import", {"transaction": "all-objects", "objects": items}).json()
    assert told["@erpnet.result"] == "fail"
    assert len(send("GET", PRODUCTS).json()["value"]) == 4


@pytest.mark.parametrize(
    ("action", "code", "state", "count"),
    [
        ("merge", "PRD-001", "Modified", 4),
        ("merge", "PRD-900", "Added", 5),
        ("delete", "PRD-001", "Deleted", 3),
    ],
)
def test_import_finds_objects_by_their_code(send, action, code, state, count):
    item = {"@odata.type": PRODUCTS, "@erpnet.action": action, "PartNumber": code, "Active": False}
    told = send("POST", "Import", {"objects": [item], "loggingLevel": 0}).json()
    assert told["objects"][0]["@erpnet.state"] == state, told
    assert "data-exchange" not in told
    assert len(send("GET", PRODUCTS).json()["value"]) == count


@pytest.fixture
def order(instance):
    return f"{ORDERS}({instance.data.sets[ORDERS].rows[0]['Id']})/GetPrintout"


def test_printout_can_be_the_file_itself(instance, send, order):
    instance.printout_answer = "file"
    answer = send("POST", order, {"fileFormat": "txt"}, **{"Accept-Language": "bg"})
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "Поръчка за продажба SO00001" in answer.text


def test_only_documents_have_printouts(instance, send, order):
    customer = instance.customers[0]["Id"]
    assert send("POST", f"{CUSTOMERS}({customer})/GetPrintout", {}).status_code == 404
    assert send("GET", order).status_code == 404
    assert send("POST", order, {"fileFormat": "xlsx"}).status_code == 500
