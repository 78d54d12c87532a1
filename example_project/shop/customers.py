"""The instance's customers, as far as it shows them to the visitor: pages of them, and one."""

from collections.abc import Callable
from functools import cached_property, wraps
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.generic import FormView

from erpnet_instanceid.api import user_api
from erpnet_instanceid.decorators import reauthenticate
from erpnet_instanceid.errors import (
    APIError,
    InstanceIDError,
    InstanceUnavailable,
    MaximumLicenseCountExceeded,
    SignInExpired,
)

CUSTOMERS = "Crm_Sales_Customers"
PAGE_SIZE = 20


def explains_refusals(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Shows a page of the shop where the instance refuses what a view asks of it."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except (SignInExpired, InstanceUnavailable, MaximumLicenseCountExceeded):
            raise  # the app's middleware answers these, and says what the visitor can do
        except InstanceIDError as error:
            if isinstance(error, APIError) and error.status == 404:
                raise Http404 from error
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


# To look takes a sign-in; to change takes one of the last five minutes, and the scope "update".
@method_decorator([never_cache, login_required, explains_refusals], name="dispatch")
@method_decorator(reauthenticate(max_age=300), name="post")
class CustomerView(FormView):
    form_class = CustomerForm
    template_name = "shop/customer.html"

    @cached_property
    def address(self) -> str:
        return f"{CUSTOMERS}({self.kwargs['key']})"

    @cached_property
    def customer(self) -> dict[str, Any]:
        return user_api(self.request).get(self.address).json()

    def get_initial(self) -> dict[str, Any]:
        return self.customer

    def form_valid(self, form: CustomerForm) -> HttpResponse:
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        try:
            user_api(self.request).patch(self.address, json=changes)
        except MaximumLicenseCountExceeded:
            raise
        except APIError as error:
            # The instance's own words, for the person who filled in the form.
            form.add_error(None, error.message or _("The instance refused the change."))
            return self.form_invalid(form)
        messages.success(self.request, _("The customer is changed."))
        return redirect(self.request.path)
