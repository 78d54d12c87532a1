"""The demo company's data beside its customers: the same in every run."""

from __future__ import annotations

import copy
import datetime
from functools import cache

from .customers import make_customers
from .entities import EntitySet, Field, Kind, Row, reference
from .people import person_id

CUSTOMERS = "Crm_Sales_Customers"
CUSTOMER_TYPES = "Crm_CustomerTypes"
COMPANIES = "General_EnterpriseCompanies"
PRODUCTS = "General_Products_Products"
PRODUCT_GROUPS = "General_Products_ProductGroups"
ORDERS = "Crm_Sales_SalesOrders"

OWN_COMPANY = person_id("company 001")
OTHER_COMPANY = person_id("company 002")
#: The product group and the customer type that belong to the company 001.
OWN_GROUP = person_id("product group 450")
OWN_CUSTOMER_TYPE = person_id("customer type RETAIL")

_ID = Field(Kind.ID, is_read_only=True)
_TEXT = Field(Kind.TEXT)
_COMPANY = Field(Kind.REFERENCE, target=COMPANIES)


def make_entity_sets() -> dict[str, EntitySet]:
    """The entity sets by name. The caller may change the rows."""
    sets = (_customers(), _customer_types(), _companies(), _products(), _groups(), _orders())
    return {entity_set.name: entity_set for entity_set in sets}


def _customers() -> EntitySet:
    fields = {
        "Id": _ID,
        "Number": Field(Kind.TEXT, is_read_only=True),
        "Name": _TEXT,
        "DisplayText": _TEXT,
        "City": _TEXT,
        "Email": _TEXT,
        "CreditLimit": Field(Kind.NUMBER),
        "Active": Field(Kind.FLAG),
        "CreationTime": Field(Kind.DATE, is_read_only=True),
        "FromDate": Field(Kind.DATE),
        "ThruDate": Field(Kind.DATE),
        "CustomerType": Field(Kind.REFERENCE, target=CUSTOMER_TYPES),
        "EnterpriseCompany": _COMPANY,
    }
    more = {
        "FromDate": None,
        "ThruDate": None,
        "CustomerType": reference(CUSTOMER_TYPES, OWN_CUSTOMER_TYPE),
        "EnterpriseCompany": reference(COMPANIES, OWN_COMPANY),
    }
    rows = [{**customer, **copy.deepcopy(more)} for customer in make_customers()]
    return EntitySet(CUSTOMERS, "Number", fields, rows)


def _customer_types() -> EntitySet:
    fields = {"Id": _ID, "Code": _TEXT, "Name": _TEXT, "EnterpriseCompany": _COMPANY}
    rows: list[Row] = [
        {
            "Id": OWN_CUSTOMER_TYPE,
            "Code": "RETAIL",
            "Name": "Retail",
            "EnterpriseCompany": reference(COMPANIES, OWN_COMPANY),
        },
        {
            "Id": person_id("customer type ALL"),
            "Code": "ALL",
            "Name": "All companies",
            "EnterpriseCompany": None,
        },
    ]
    return EntitySet(CUSTOMER_TYPES, "Code", fields, rows)


def _companies() -> EntitySet:
    rows: list[Row] = [
        {"Id": OWN_COMPANY, "Code": "001", "Name": "Demo Company"},
        {"Id": OTHER_COMPANY, "Code": "002", "Name": "Demo Trading"},
    ]
    return EntitySet(COMPANIES, "Code", {"Id": _ID, "Code": _TEXT, "Name": _TEXT}, rows)


def _groups() -> EntitySet:
    fields = {
        "Id": _ID,
        "Code": _TEXT,
        "Name": Field(Kind.LANGUAGES),
        "EnterpriseCompany": _COMPANY,
    }
    rows: list[Row] = [
        {
            "Id": OWN_GROUP,
            "Code": "450",
            "Name": {"EN": "Furniture", "BG": "Мебели"},
            "EnterpriseCompany": reference(COMPANIES, OWN_COMPANY),
        },
        {
            "Id": person_id("product group 100"),
            "Code": "100",
            "Name": {"EN": "Goods", "BG": "Стоки"},
            "EnterpriseCompany": None,
        },
    ]
    return EntitySet(PRODUCT_GROUPS, "Code", fields, rows)


def _products() -> EntitySet:
    fields = {
        "Id": _ID,
        "PartNumber": _TEXT,
        "Name": Field(Kind.LANGUAGES),
        "Active": Field(Kind.FLAG),
        "StandardPrice": Field(Kind.AMOUNT),
        "ProductGroup": Field(Kind.REFERENCE, target=PRODUCT_GROUPS),
        "EnterpriseCompany": _COMPANY,
    }
    names = (("Table", "Маса"), ("Chair", "Стол"), ("Lamp", "Лампа"), ("Shelf", "Рафт"))
    rows: list[Row] = [
        {
            "Id": person_id(f"product {number}"),
            "PartNumber": f"PRD-{number:03d}",
            "Name": {"EN": english, "BG": bulgarian},
            "Active": True,
            "StandardPrice": {"Value": 10.5 * number, "Currency": "EUR"},
            "ProductGroup": reference(PRODUCT_GROUPS, OWN_GROUP),
            "EnterpriseCompany": reference(COMPANIES, OWN_COMPANY),
        }
        for number, (english, bulgarian) in enumerate(names, 1)
    ]
    return EntitySet(PRODUCTS, "PartNumber", fields, rows)


def _orders() -> EntitySet:
    fields = {
        "Id": _ID,
        "DocumentNo": Field(Kind.TEXT, is_read_only=True),
        "DocumentDate": Field(Kind.DATE),
        "RequiredDeliveryDate": Field(Kind.DATE),
        "PaymentDueDate": Field(Kind.DATE),
        "State": Field(Kind.CHOICE, is_read_only=True),
        "Void": Field(Kind.FLAG, is_read_only=True),
        "DocumentNotes": _TEXT,
        "Customer": Field(Kind.REFERENCE, target=CUSTOMERS),
        "TotalAmount": Field(Kind.AMOUNT, is_read_only=True),
    }
    return EntitySet(ORDERS, "DocumentNo", fields, [_order(number) for number in range(1, 201)])


@cache
def _order_date(number: int) -> str:
    day = datetime.date(2026, 1, 1) + datetime.timedelta(days=number)
    return f"{day}T00:00:00Z"


def _order(number: int) -> Row:
    return {
        "Id": person_id(f"order {number}"),
        "DocumentNo": f"SO{number:05d}",
        "DocumentDate": _order_date(number),
        "RequiredDeliveryDate": _order_date(number + 7),
        "PaymentDueDate": _order_date(number + 30),
        "State": ("New", "FirmPlanned", "Released", "Completed")[number % 4],
        "Void": False,
        "DocumentNotes": None,
        "Customer": reference(CUSTOMERS, person_id(f"customer {number % 50 + 1}")),
        "TotalAmount": {"Value": round(number * 17.35, 2), "Currency": "EUR"},
    }
