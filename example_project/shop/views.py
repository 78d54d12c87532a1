from datetime import datetime, timezone

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.signals import user_logged_out
from django.dispatch import receiver
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from erpnet_instanceid.session import get_identity, get_tokens

from . import basket


def home(request: HttpRequest) -> HttpResponse:
    lines = basket.lines(request.session)
    return render(
        request,
        "shop/home.html",
        {
            "products": basket.PRODUCTS.values(),
            "lines": lines,
            "total": sum(line.price for line in lines),
        },
    )


@require_POST
def basket_add(request: HttpRequest, code: str) -> HttpResponse:
    product = _product(code)
    basket.add(request.session, product)
    messages.success(request, _("%(product)s: in your basket.") % {"product": product.name})
    return redirect("home")


@require_POST
def basket_remove(request: HttpRequest, code: str) -> HttpResponse:
    product = _product(code)
    basket.remove(request.session, product)
    messages.success(
        request, _("%(product)s: no longer in your basket.") % {"product": product.name}
    )
    return redirect("home")


def _product(code: str) -> basket.Product:
    if code not in basket.PRODUCTS:
        raise Http404
    return basket.PRODUCTS[code]


@never_cache
@login_required
def me(request: HttpRequest) -> HttpResponse:
    """The facts that the site has about the person. Tokens are keys, not facts: none is shown."""
    identity, tokens = get_identity(request), get_tokens(request)
    return render(
        request,
        "shop/me.html",
        {
            "identity": identity,
            "authenticated": identity and _time(identity.authenticated_at),
            "scope": tokens and tokens.scope,
            "expires": tokens and _time(tokens.expires_at),
        },
    )


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, tz=timezone.utc)


@receiver(user_logged_out)
def tell_signed_out(*, request: HttpRequest | None, **_kwargs: object) -> None:
    """Leaves a message for the page on which the visitor comes back from the instance."""
    if request is not None:
        messages.success(request, _("You are signed out. See you soon."))
