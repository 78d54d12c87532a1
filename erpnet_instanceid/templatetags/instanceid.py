"""``{% load instanceid %}{% signin_button %}``: a link to sign in, for a site's own pages."""

from __future__ import annotations

from typing import Any

from django import template

from ..notes import djangos
from ..pages.frames import is_framed
from ..pages.targets import signin_address
from ..signin.frames import popup_address, redeem_address
from ..signin.start import is_at_callback_host

register = template.Library()


@register.inclusion_tag("erpnet_instanceid/signin_button.html", takes_context=True)
def signin_button(context: template.Context, target: str = "") -> dict[str, Any]:
    """A link that signs the visitor in and comes back to ``target``, else to this page.

    Its script is a file, so a strict Content-Security-Policy lets it run. In a frame a click
    opens the popup.
    """
    request = context.get("request")
    target = target or (request.get_full_path() if request is not None else "")
    return {
        "address": signin_address(target),
        "popup": _popup_address(request),
        "redeem": redeem_address(target),
        "csp_nonce": context.get("csp_nonce", ""),
    }


def _popup_address(request: Any) -> str:
    # Django REST framework's templates get a request of its own.
    request = djangos(request)
    if request is None or not is_framed(request) or not is_at_callback_host(request):
        return ""
    return popup_address(request)
