"""Business rules: they check rows when changes are committed, and follow changes in a form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from .company import CUSTOMER_TYPES, CUSTOMERS, ORDERS, PRODUCT_GROUPS, PRODUCTS
from .entities import EntitySet, Row, odata_id
from .refusals import INSTANCE_ERROR, VALIDATION_FAILED, ApiRefusalError

#: `frontend` is the model of a program with forms; everything else uses `common`.
Model = Literal["common", "frontend"]

_FRAMES = {
    "en": "An error occurred while saving data to the database\r\n"
    "The validation {number}: {name} failed for event Commit: \r\n\r\n"
    "{text} (Constraint {number})",
    "bg": "Грешка при записване.\r\n"
    "Валидацията {number}: {name} не е била успешна при събитие Commit: \r\n\r\n"
    "{text} (Constraint {number})",
}


@dataclass(frozen=True)
class Rule:
    """`is_broken` gets a changed row, and the row of each entity set by its `@odata.id`.

    `texts` are formatted with the row's fields. A rule with `model="frontend"` is checked only
    in a transaction with that model.
    """

    number: str
    name: str
    entity: str
    is_broken: Callable[[Row, Mapping[str, Row]], bool]
    texts: Mapping[str, str]
    model: Model = "common"

    def applies(self, entity: str, model: Model) -> bool:
        return self.entity == entity and self.model in ("common", model)

    def refusal(self, row: Row) -> ApiRefusalError:
        texts = {
            language: frame.format(
                number=self.number, name=self.name, text=self.texts[language].format_map(row)
            )
            for language, frame in _FRAMES.items()
        }
        return ApiRefusalError(texts, code=VALIDATION_FAILED, kind=INSTANCE_ERROR)


def _is_of_another_company(group_field: str) -> Callable[[Row, Mapping[str, Row]], bool]:
    def is_broken(row: Row, rows: Mapping[str, Row]) -> bool:
        group = rows.get((row.get(group_field) or {}).get("@odata.id", ""))
        company = group and group["EnterpriseCompany"]
        return company is not None and row.get("EnterpriseCompany") != company

    return is_broken


def _ends_before_it_starts(row: Row, rows: Mapping[str, Row]) -> bool:
    start, end = row.get("FromDate"), row.get("ThruDate")
    return bool(start and end and start > end)


def ready_rules() -> list[Rule]:
    """The rules that every stand-in starts with. ErpNetDocs, model/business-rules."""
    return [
        Rule(
            "R17342",
            "ProductAndProductGroupEnterpriseCompanyAreDifferent",
            PRODUCTS,
            _is_of_another_company("ProductGroup"),
            {
                "en": "The product with code '{PartNumber}' was not saved, because its Enterprise "
                "Company is not allowed here.\r\n\r\n"
                "If a product group belongs to one enterprise company, all products within "
                "this group should belong to the same enterprise company.",
                "bg": "Продуктът с код '{PartNumber}' не е записан, защото стойността на полето "
                "'Фирма' не е допустима.\r\n\r\n"
                "Когато продуктовата група принадлежи на определена фирма, всички продукти в "
                "тази група трябва да принадлежат на същата фирма.",
            },
        ),
        Rule(
            "R17342",
            "CustomerAndCustomerTypeEnterpriseCompanyAreDifferent",
            CUSTOMERS,
            _is_of_another_company("CustomerType"),
            {
                "en": "The customer with the number '{Number}' was not saved, because its "
                "Enterprise Company is not allowed here.\r\n\r\n"
                "If a customer type belongs to one enterprise company, all customers with this "
                "type should belong to the same enterprise company.",
                "bg": "Клиентът с номер '{Number}' не е записан, защото стойността на полето "
                "'Фирма' не е допустима.\r\n\r\n"
                "Когато типът клиент принадлежи на определена фирма, всички клиенти от този тип "
                "трябва да принадлежат на същата фирма.",
            },
            model="frontend",
        ),
        Rule(
            "R27159",
            "FromDateLessThanThruDate",
            CUSTOMERS,
            _ends_before_it_starts,
            {
                "en": "The From Date {FromDate} of the customer is later than its Thru Date "
                "{ThruDate}.\r\n\r\nThe From Date should not be later than the Thru Date.",
                "bg": "Полето 'От дата' на клиента ({FromDate}) е след полето 'До дата' "
                "({ThruDate}).\r\n\r\n'От дата' не трябва да бъде след 'До дата'.",
            },
        ),
    ]


def follow_changes(entity: str, row: Row, changed: Mapping[str, object]) -> Row:
    """The fields that a front-end transaction sets when others change.

    ErpNetDocs, domain-api/data-manipulation/transactions: the dates of a sales order.
    """
    if entity != ORDERS or "DocumentDate" not in changed:
        return {}
    date = row["DocumentDate"]
    return {"RequiredDeliveryDate": date, "PaymentDueDate": date}


def rows_by_odata_id(sets: Mapping[str, EntitySet]) -> dict[str, Row]:
    """The rows that a rule may ask for."""
    return {
        odata_id(name, row["Id"]): row
        for name in (PRODUCT_GROUPS, CUSTOMER_TYPES)
        for row in sets[name].rows
    }
