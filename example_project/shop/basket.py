"""A basket in the visitor's session, there before they sign in and still there after."""

from collections.abc import MutableMapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Session = MutableMapping[str, Any]
_KEY = "basket"


@dataclass(frozen=True)
class Product:
    code: str
    name: Promise
    description: Promise
    price: Decimal


PRODUCTS = {
    product.code: product
    for product in (
        Product("desk", _("Writing desk"), _("Solid oak, two drawers."), Decimal("389.00")),
        Product("chair", _("Reading chair"), _("Beech frame, wool seat."), Decimal("214.00")),
        Product("lamp", _("Table lamp"), _("Brass, with a linen shade."), Decimal("76.50")),
        Product("shelf", _("Wall shelf"), _("Ash, 90 cm, with brackets."), Decimal("58.00")),
    )
}


@dataclass(frozen=True)
class Line:
    product: Product
    count: int

    @property
    def price(self) -> Decimal:
        return self.product.price * self.count


def lines(session: Session) -> list[Line]:
    counts = session.get(_KEY, {})
    return [Line(PRODUCTS[code], count) for code, count in counts.items() if code in PRODUCTS]


def add(session: Session, product: Product) -> None:
    counts = session.get(_KEY, {})
    session[_KEY] = {**counts, product.code: counts.get(product.code, 0) + 1}


def remove(session: Session, product: Product) -> None:
    session[_KEY] = {
        code: count for code, count in session.get(_KEY, {}).items() if code != product.code
    }


def basket(request: HttpRequest) -> dict[str, int]:
    """Context processor: the count in the header of every page."""
    return {"basket_count": sum(line.count for line in lines(request.session))}
