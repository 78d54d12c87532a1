"""The pages that a person sees, and the page that posts an answer to the site."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from flask import Response, make_response, redirect, request
from jinja2 import Environment, PackageLoader

from ..world.state import World

# With Flask's own environment each stand-in would compile the templates again.
_TEMPLATES = Environment(loader=PackageLoader("erpnet_instanceid.testing.wire"), autoescape=True)
_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_UNFRAMED = {"X-Frame-Options": "DENY", "Content-Security-Policy": "frame-ancestors 'none'"}


def request_fields() -> list[tuple[str, str]]:
    """The request's parameters, query first, with repetitions."""
    return [*request.args.items(multi=True), *request.form.items(multi=True)]


def answer_authorization(
    world: World, redirect_uri: str, params: list[tuple[str, str]], mode: str
) -> Response:
    """The response that takes an authorization answer, success or error, to the site."""
    if world.send_iss:
        params = [*params, ("iss", world.issuer)]
    params = world.changes.apply("authorization_answer", params)
    mode = world.response_mode or mode
    if mode == "form_post":
        page = _render("form_post.html", action=redirect_uri, fields=params)
        response = make_response(page)
    else:
        response = make_response(redirect(_with_params(redirect_uri, params, mode)))
    response.headers.update(_NO_STORE)
    return response


def _with_params(url: str, params: Iterable[tuple[str, str]], mode: str) -> str:
    encoded = urlencode(list(params))
    if mode == "fragment":
        return f"{url}#{encoded}"
    return f"{url}{'&' if '?' in url else '?'}{encoded}"


def sign_in_page(world: World, fields: list[tuple[str, str]], hint: str) -> Response:
    """One button for each person, with the authorize request's fields in the form."""
    people = world.people.offered()
    people.sort(key=lambda person: person.login != hint)
    page = _render("sign_in.html", people=people, fields=fields, hint=hint)
    return _page(page, 200)


def message_page(
    title: str,
    text: str = "",
    *,
    code: str = "",
    status: int = 200,
    frames: Iterable[str] = (),
    onward: str = "",
    confirm: Iterable[tuple[str, str]] | None = None,
) -> Response:
    """A short page: an error, a question, or the end of a sign-out with its iframes."""
    page = _render(
        "message.html",
        title=title,
        text=text,
        code=code,
        frames=list(frames),
        onward=onward,
        confirm=confirm,
    )
    return _page(page, status)


def _render(template: str, **context: Any) -> str:
    return _TEMPLATES.get_template(template).render(context)


def _page(page: str, status: int) -> Response:
    response = make_response(page, status)
    response.headers.update(_NO_STORE)
    response.headers.update(_UNFRAMED)
    return response
