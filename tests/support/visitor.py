"""A visitor: a browser's cookies and manners, over real HTTP."""

import re
from html import unescape
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.cookies import extract_cookies_to_jar

from erpnet_instanceid.testing import visit

PAGE = {
    "Accept": "text/html,application/xhtml+xml,*/*;q=0.8",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
}
META_REFRESH = re.compile(r'http-equiv="refresh" content="0;url=([^"]+)"')
FORM = "application/x-www-form-urlencoded"


class _TakesHTTPSOff(HTTPAdapter):
    """A proxy in front of the site: https to the browser, plain http to the site."""

    def send(self, request, **kwargs):
        inner = request.copy()
        inner.url = str(request.url).replace("https:", "http:", 1)
        inner.headers["X-Forwarded-Proto"] = "https"
        response = super().send(inner, **kwargs)
        response.url, response.request = str(request.url), request
        return response


class Visitor:
    """Somebody with a browser. Requests are not followed anywhere unless a method says so."""

    def __init__(self, site, *, https=False):
        self.site = site.replace("http:", "https:") if https else site
        self.http = self._new_browser()
        # The same browser, at the instance.
        self.at_instance = _browser()

    def close(self):
        self.http.close()
        self.at_instance.close()

    def get(self, path, allow_redirects=False, **kwargs):
        return self.http.get(self._url(path), allow_redirects=allow_redirects, timeout=30, **kwargs)

    def post(self, path, data=None, headers=None, **kwargs):
        """A POST of this site's own page, CSRF token included."""
        form = {"csrfmiddlewaretoken": self.csrf_token(), **(data or {})}
        sent = {"Origin": self.site, "Referer": self.site + "/", **(headers or {})}
        return self.http.post(
            self._url(path), data=form, headers=sent, allow_redirects=False, timeout=30, **kwargs
        )

    def csrf_token(self):
        page = self.get("/signout").text
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        return found[1] if found else ""

    def whoami(self):
        return self.get("/whoami").json()

    def cookies(self, part=""):
        return [cookie for cookie in self.http.cookies if part in cookie.name]

    # A sign-in, step by step

    def start(self, next_url=None, **params):
        """Begins a sign-in; the address at the instance that the site redirects to."""
        if next_url is not None:
            params["next"] = next_url
        response = self.get("/signin?" + urlencode(params))
        assert response.status_code == 302, response.text
        return response.headers["Location"]

    def at(self, authorize_url, login="maria"):
        """Passes the instance's pages. Returns the answer that the browser is to bring back."""
        return visit(authorize_url, login, self.at_instance)

    def bring(self, answer, fields=None):
        """Brings the answer to the site: the last response of the callback, not followed on."""
        pairs = answer.fields if fields is None else fields
        if answer.method == "POST":
            return self.carried(self.relay(answer.url, urlencode(pairs)))
        return self.carried(self.arrive(answer.url.partition("?")[0], params=pairs))

    def relay(self, url, body, content_type=FORM):
        """The POST that another site makes the browser send: without Lax and Strict cookies."""
        headers = {"Origin": "null", "Content-Type": content_type or None}
        return self._cross_site("POST", url, withheld={"lax", "strict"}, headers=headers, data=body)

    def arrive(self, path, **kwargs):
        """The GET that another site sends the browser to: without Strict cookies."""
        return self._cross_site("GET", path, withheld={"strict"}, **kwargs)

    def carried(self, response):
        """Follows the callback to its own GET, by redirect or by meta refresh."""
        while (onward := _onward(response)) is not None:
            # A redirect is still the other site's navigation; a meta refresh is the page's own.
            response = self.arrive(onward) if response.is_redirect else self.get(onward)
        return response

    def sign_in(self, login="maria", next_url=None):
        return self.bring(self.at(self.start(next_url), login))

    def _cross_site(self, method, url, *, withheld, headers=None, **kwargs):
        sent = {c.name: c.value for c in self.http.cookies if _same_site(c) not in withheld}
        with self._new_browser() as http:
            response = http.request(
                method,
                self._url(url),
                headers={"Sec-Fetch-Site": "cross-site", **(headers or {})},
                cookies=sent,
                allow_redirects=False,
                timeout=30,
                **kwargs,
            )
        extract_cookies_to_jar(self.http.cookies, response.request, response.raw)
        return response

    def _new_browser(self):
        http = _browser()
        http.headers.update(PAGE)
        http.mount("https://", _TakesHTTPSOff())
        return http

    def _url(self, path):
        if not path.startswith("http"):
            return self.site + path
        # The tests reach the site at its live address, under any name.
        parts = urlsplit(path)
        return f"{self.site}{parts.path}" + (f"?{parts.query}" if parts.query else "")


def parameters(location):
    """The parameters of an address, none of which stands twice."""
    pairs = parse_qsl(urlsplit(location).query, keep_blank_values=True, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def _browser():
    session = requests.Session()
    session.trust_env = False
    return session


def _same_site(cookie):
    # Browsers take a cookie without SameSite for Lax.
    return str(cookie._rest.get("SameSite") or "Lax").lower()


def _onward(response):
    onward = response.headers.get("Location")
    if onward is None:
        found = META_REFRESH.search(response.text)
        onward = unescape(found[1]) if found else None
    if onward is None:
        return None
    onward = urljoin(response.url, onward)
    return onward if urlsplit(onward)[2] == urlsplit(response.url)[2] else None
