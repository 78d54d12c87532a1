"""``{% load instanceid %}{% signin_button %}``: a link to sign in, for a site's own pages."""

from __future__ import annotations

from typing import Any

from django import template

from ..pages.targets import signin_address

register = template.Library()


@register.inclusion_tag("erpnet_instanceid/signin_button.html", takes_context=True)
def signin_button(context: template.Context, target: str = "") -> dict[str, Any]:
    """A link that signs the visitor in and comes back to ``target``, else to this page.

    Its script is a file, so a strict Content-Security-Policy lets it run. In a frame the link
    leads to the page whose button opens a popup.
    """
    request = context.get("request")
    own = request.get_full_path() if request is not None else ""
    return {
        "address": signin_address(target or own),
        "csp_nonce": context.get("csp_nonce", ""),
    }
