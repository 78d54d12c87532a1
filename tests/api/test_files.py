"""Printouts come as downloads."""

import base64
import json

import pytest

from erpnet_instanceid.api.files import printout
from erpnet_instanceid.api.query import Reference
from erpnet_instanceid.errors import InvalidResponse

ORDERS = "Crm_Sales_SalesOrders"


@pytest.fixture
def order(service):
    (row,) = service.items(ORDERS, {"$top": 1})
    return Reference(ORDERS, row["Id"])


def content(response):
    return b"".join(response)


@pytest.mark.parametrize("answer", ["json", "text", "file"])
def test_printout_is_a_download_however_it_is_sent(service, instance, order, answer):
    instance.printout_answer = answer
    response = printout(service, order, "order.pdf")
    assert response["Content-Type"] == "application/pdf"
    assert response["Content-Disposition"] == 'attachment; filename="order.pdf"'
    assert content(response).startswith(b"%PDF-")


def test_layout_is_asked_for(service, instance, order):
    layout = Reference("General_Printouts", order.id)
    instance.next_answer("api", json={"value": base64.b64encode(b"x").decode()})
    printout(service, order, "order.pdf", layout=layout)
    sent = instance.calls("api")[-1]
    assert json.loads(sent.body) == {"fileFormat": "pdf", "printout": {"@odata.id": str(layout)}}


@pytest.mark.parametrize(
    "answer",
    [
        *({"json": {"value": value}} for value in ("?", "Кирилица", None, 5)),
        {"status": 204, "body": ""},
        {"body": "<h1>Back soon</h1>", "headers": {"Content-Type": "text/html"}},
    ],
)
def test_answer_that_is_no_file_is_refused(service, instance, order, answer):
    instance.next_answer("api", **answer)
    with pytest.raises(InvalidResponse, match="not_a_file"):
        printout(service, order, "x.pdf")
