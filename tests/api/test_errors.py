"""The exceptions that a site may catch."""

import json
import pickle

import pytest
from django import forms

from erpnet_instanceid import api, errors
from erpnet_instanceid.api.errors import check_import, read_api_error
from erpnet_instanceid.errors import (
    APIError,
    APINotFound,
    ImportFailed,
    InstanceIDError,
    MaximumLicenseCountExceeded,
)

# As the instance's documentation prints it (domain-api/data-manipulation/batch).
REFUSAL = (
    "An error occurred while saving data to the database\r\n"
    "The validation R17342: ProductAndProductGroupEnterpriseCompanyAreDifferent failed for event"
    " Commit: \r\n\r\nCannot save product with code 'PRD-005', because it has an invalid entry for"
    " Enterprise Company.\r\n\r\nWhen an enterprise company is specified for a product group, the"
    " products within this group should have the same enterprise company. (Constraint R17342)"
)
DUPLICATION = {
    "message": "Prohibited duplication in table 'dbo.Gen_Products_Table'.\n\nThe set of values ...",
    "code": 2129,
    "type": "Aloe.EnterpriseOne.Server.ServerAPI.Exceptions.EnterpriseOneServerException",
    "info": "System.Exception: at Line 1",
    "messageFormat": "Prohibited duplication in table '{0}'.\n\nThe set of values ... {1}",
    "parameters": ["dbo.Gen_Products_Table", "IX_Inv_Materials_Table_Number"],
}
URL = "https://demo.my.erp.net/api/domain/odata/General_Products_Products"


def read(fields, status=500):
    return read_api_error(status, json.dumps(fields).encode(), URL)


def kinds(kind):
    yield kind
    for lower in kind.__subclasses__():
        yield from kinds(lower)


@pytest.mark.parametrize("kind", list(kinds(InstanceIDError)))
@pytest.mark.parametrize("module", [errors, api])
def test_each_exception_can_be_imported(module, kind):
    assert getattr(module, kind.__name__) is kind
    assert kind.__name__ in module.__all__


@pytest.mark.parametrize("wrapped", [False, True])
def test_documented_error_is_read_whole(wrapped):
    error = read({"error": DUPLICATION} if wrapped else DUPLICATION)
    assert (error.code, error.instance_code, error.status) == ("2129", 2129, 500)
    assert error.message == DUPLICATION["message"]
    assert error.type == DUPLICATION["type"]
    assert error.message_format == DUPLICATION["messageFormat"]
    assert error.parameters == tuple(DUPLICATION["parameters"])
    assert "Line 1" not in repr(vars(error))


@pytest.mark.parametrize(
    ("message", "rule"),
    [
        ("Грешка при записване.\r\n  Валидацията R27159: FromDateLess не е била успешна", "R27159"),
        ("Стойността на полето не трябва да надвишава. (Ограничение R27159)", "R27159"),
        ("The validation R1: A failed: (Constraint R22)", "R22"),
        ("The product R17342 does not exist.", ""),
        ("", ""),
    ],
)
def test_rule_is_found_in_every_language(message, rule):
    assert read({"message": message}).rule == rule


NO_JSON = [b"", b"<html>", b"\xff", b"[" * 100_000]
NO_OBJECT = [b"[]", b'"text"', b"null"]
NO_ERROR = [b'{"error": 5}', b'{"message": 5, "code": []}', b'{"code": true}', b'{"code": NaN}']


@pytest.mark.parametrize("body", [*NO_JSON, *NO_OBJECT, *NO_ERROR])
def test_answer_without_an_error_has_its_status_as_code(body):
    error = read_api_error(418, body, URL)
    assert (error.code, error.message, error.instance_code) == ("http_418", "", None)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_error_may_begin_with_a_byte_order_mark(encoding):
    assert read_api_error(500, '{"message": "Не"}'.encode(encoding), URL).message == "Не"


def test_message_has_no_characters_that_write_a_second_log_line():
    error = read({"message": "a\x1b[31m\u2028b\x00\nWARNING forged", "code": "x\ny"})
    assert error.message == "a [31m b \nWARNING forged"
    assert "\n" not in str(error)
    assert error.code == "x y"


def test_text_of_an_error_is_one_short_line():
    assert len(read({"message": "m" * 1_000_000}).message) == 16 * 1024
    long = {"message": REFUSAL * 10, "messageFormat": REFUSAL * 10, "code": int("2129" * 1000)}
    text = str(read({**DUPLICATION, **long}))
    assert len(text) < 1000
    assert "\n" not in text
    assert text.startswith("2129")
    assert ' (status=500, message="An error occurred while' in text


NO_LICENCE = "MaximumLicenseCountExceeded"


@pytest.mark.parametrize(
    ("fields", "status", "kind"),
    [
        ({}, 400, APIError),
        ({}, 404, APINotFound),
        *(
            ({name: NO_LICENCE}, 500, MaximumLicenseCountExceeded)
            for name in ("message", "code", "type")
        ),
    ],
)
def test_some_errors_are_of_a_class_of_their_own(fields, status, kind):
    assert type(read(fields, status)) is kind


class ProductForm(forms.Form):
    company = forms.CharField()


@pytest.mark.parametrize("field", [None, "company"])
def test_error_stands_on_a_form_whole(field):
    form = ProductForm({"company": "x"})
    read({"message": REFUSAL}).add_to(form, field)
    read({}).add_to(form, field)
    shown, without_message = form.errors[field or "__all__"]
    assert shown == REFUSAL.replace("\r\n", "\n")
    assert without_message


def test_errors_survive_a_task_queue():
    error = pickle.loads(pickle.dumps(read(DUPLICATION)))
    assert (error.instance_code, error.message) == (2129, DUPLICATION["message"])


IMPORTED = {
    "@erpnet.result": "fail",
    "objects": [
        {"@erpnet.result": "success", "@odata.id": "Crm_Sales_Customers(1)"},
        {
            "@erpnet.result": "fail",
            "@erpnet.message": REFUSAL,
            "@erpnet.error": {"message": REFUSAL, "code": 2029, "info": "at Line 1"},
        },
        {"@erpnet.result": "fail", "@erpnet.message": "Object not found."},
    ],
}


def test_failures_in_an_import_or_of_it_are_an_error():
    with pytest.raises(ImportFailed) as caught:
        check_import(IMPORTED, URL)
    error = pickle.loads(pickle.dumps(caught.value))
    assert error.rule == "R17342"
    assert [error.failures[place].message for place in error.failures] == [
        REFUSAL.replace("\r\n", "\n"),
        "Object not found.",
    ]
    assert list(error.failures) == [1, 2]
    assert error.results[0]["@odata.id"] == "Crm_Sales_Customers(1)"
    assert "Line 1" not in repr(vars(error))
    for name in ("result", "@erpnet.result"):
        with pytest.raises(ImportFailed):
            check_import({name: "fail"}, URL)


@pytest.mark.parametrize("answer", [{"@erpnet.result": "success", "objects": [{}]}, {}, [], None])
def test_import_that_succeeds_is_no_error(answer):
    check_import(answer, URL)
