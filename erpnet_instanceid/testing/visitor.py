"""A small browser: it walks through the instance's sign-in pages."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urljoin, urlsplit

import requests


@dataclass(frozen=True)
class AuthorizationAnswer:
    """The browser's next request to the site, or the page where it stopped.

    `method` is POST for a form_post and GET for a redirect. It is empty if the instance showed a
    page, the sign-in page or an error: then see `status` and `page`.
    """

    method: str
    url: str
    fields: list[tuple[str, str]] = field(default_factory=list, repr=False)
    status: int = 200
    page: str = field(default="", repr=False)

    def __getitem__(self, name: str) -> str:
        for key, value in self.fields:
            if key == name:
                return value
        raise KeyError(name)

    def get(self, name: str, default: str | None = None) -> str | None:
        return next((value for key, value in self.fields if key == name), default)


class _Forms(HTMLParser):
    """A page's form: its id, action and hidden fields."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.id = ""
        self.action = ""
        self.fields: list[tuple[str, str]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.id, self.action = values.get("id", ""), values.get("action", "")
        elif tag == "input" and values.get("name"):
            self.fields.append((values["name"], values.get("value", "")))


def visit(
    authorize_url: str, login: str | None = None, http: requests.Session | None = None
) -> AuthorizationAnswer:
    """Follow an authorize URL to its answer, and press the button of `login` on the way.

    `login=""` presses Cancel, `login=None` presses nothing.
    """
    if http is not None:
        return _visit(http, authorize_url, login)
    with requests.Session() as own:
        own.trust_env = False
        return _visit(own, authorize_url, login)


def _visit(http: requests.Session, authorize_url: str, login: str | None) -> AuthorizationAnswer:
    response = http.get(authorize_url, allow_redirects=False, timeout=30)
    forms = _Forms(response.text)
    if forms.id == "sign-in" and login is not None:
        response = http.post(
            urljoin(authorize_url, forms.action),
            data=[*forms.fields, ("login", login)],
            allow_redirects=False,
            timeout=30,
        )
        forms = _Forms(response.text)
    if forms.id == "answer":
        return AuthorizationAnswer("POST", forms.action, forms.fields, response.status_code)
    if response.is_redirect:
        return _redirected(response)
    return AuthorizationAnswer("", response.url, status=response.status_code, page=response.text)


def _redirected(response: requests.Response) -> AuthorizationAnswer:
    location = response.headers["Location"]
    parts = urlsplit(location)
    fields = parse_qsl(parts.query, keep_blank_values=True)
    fields += parse_qsl(parts.fragment, keep_blank_values=True)
    return AuthorizationAnswer("GET", location, fields, response.status_code)
