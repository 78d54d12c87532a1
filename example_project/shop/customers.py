"""The instance's customers: a list in pages, and one customer to change, with its orders."""

from collections.abc import Callable
from functools import cached_property, wraps
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.generic import FormView

from erpnet_instanceid.api import InstanceSession, user_api
from erpnet_instanceid.api.amounts import exact_json
from erpnet_instanceid.api.files import printout
from erpnet_instanceid.api.query import Reference, where
from erpnet_instanceid.decorators import reauthenticate
from erpnet_instanceid.errors import (
    APIError,
    APINotFound,
    InstanceIDError,
    InstanceUnavailable,
    MaximumLicenseCountExceeded,
    SignInExpired,
)

CUSTOMERS = "Crm_Sales_Customers"
COMPANIES = "General_EnterpriseCompanies"
ORDERS = "Crm_Sales_SalesOrders"
PAGE_SIZE = 20
ORDERS_SHOWN = 5
# The field that a person has to change, for each business rule that may refuse a customer.
FIELD_OF_RULE = {"R17342": "EnterpriseCompany"}

View = Callable[..., HttpResponseBase]


def explains_refusals(view: View) -> View:
    """Shows a page of the shop if the instance refuses a call of the view."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except (SignInExpired, InstanceUnavailable, MaximumLicenseCountExceeded):
            raise  # the app's middleware answers these, and says what the visitor can do
        except APINotFound as error:
            raise Http404 from error
        except InstanceIDError as error:
            return render(request, "shop/problem.html", {"error": error}, status=502)

    return wrapper


@never_cache
@login_required
@explains_refusals
def customers(request: HttpRequest, number: int = 1) -> HttpResponse:
    """One page of them, by its number from 1."""
    if number < 1:
        raise Http404
    skip = (number - 1) * PAGE_SIZE
    window = {"$top": PAGE_SIZE, "$skip": skip, "$count": "true"}
    answer = user_api(request).get(CUSTOMERS, params=window).json()
    rows = answer["value"]
    if not rows and number > 1:
        raise Http404
    context = {
        "customers": rows,
        "first": skip + 1,
        "last": skip + len(rows),
        "total": answer.get("@odata.count"),
        "previous": number - 1,
        "next": number + 1 if "@odata.nextLink" in answer else None,
    }
    return render(request, "shop/customers.html", context)


class CustomerForm(forms.Form):
    """Fields by the names they have in the Domain API."""

    Name = forms.CharField(label=gettext_lazy("Name"), max_length=200)
    City = forms.CharField(label=gettext_lazy("City"), max_length=100)
    Email = forms.EmailField(label=gettext_lazy("E-mail"), required=False)
    CreditLimit = forms.IntegerField(label=gettext_lazy("Credit limit"), min_value=0)
    EnterpriseCompany = forms.ChoiceField(label=gettext_lazy("Company"))

    def __init__(self, *args: Any, companies: list[dict[str, Any]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(company["@odata.id"], company["Name"]) for company in companies]
        self.fields["EnterpriseCompany"].choices = choices

    def changes(self) -> dict[str, Any]:
        """The changed fields, as the Domain API takes them. A reference is bound by its address."""
        changes = {name: self.cleaned_data[name] for name in self.changed_data}
        if "EnterpriseCompany" in changes:
            changes["EnterpriseCompany@odata.bind"] = changes.pop("EnterpriseCompany")
        return changes


# To look takes a sign-in; to change takes one of the last five minutes, and the scope "update".
@method_decorator([never_cache, login_required, explains_refusals], name="dispatch")
@method_decorator(reauthenticate(max_age=300), name="post")
class CustomerView(FormView):
    form_class = CustomerForm
    template_name = "shop/customer.html"

    @cached_property
    def api(self) -> InstanceSession:
        return user_api(self.request)

    @cached_property
    def reference(self) -> Reference:
        return Reference(CUSTOMERS, self.kwargs["key"])

    @cached_property
    def customer(self) -> dict[str, Any]:
        return self.api.get(str(self.reference)).json()

    def orders(self) -> list[dict[str, Any]]:
        """The customer's orders, their amounts as Decimal."""
        query = {"$filter": where(Customer=self.reference), "$top": ORDERS_SHOWN}
        return exact_json(self.api.get(ORDERS, params=query).content)["value"]

    def get_initial(self) -> dict[str, Any]:
        company = self.customer["EnterpriseCompany"] or {}
        return {**self.customer, "EnterpriseCompany": company.get("@odata.id", "")}

    def get_form_kwargs(self) -> dict[str, Any]:
        companies = self.api.items(COMPANIES, {"$select": "Id,Name"})
        return {**super().get_form_kwargs(), "companies": list(companies)}

    def form_valid(self, form: CustomerForm) -> HttpResponse:
        try:
            # The rules that the instance's own forms follow count in a front-end transaction only.
            with self.api.transaction(model="frontend") as changes:
                changes.patch(str(self.reference), json=form.changes())
        except MaximumLicenseCountExceeded:
            raise
        except APIError as error:
            # The instance's own words, beside the field that they are about.
            error.add_to(form, FIELD_OF_RULE.get(error.rule))
            return self.form_invalid(form)
        messages.success(self.request, _("The customer is changed."))
        return redirect(self.request.path)


@never_cache
@login_required
@explains_refusals
def order_printout(request: HttpRequest, key: UUID) -> HttpResponseBase:
    """The order as a PDF of the instance, in the visitor's language."""
    return printout(user_api(request), Reference(ORDERS, key), f"order-{key}.pdf")
