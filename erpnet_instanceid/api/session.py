"""A `requests.Session` to one instance: whose token goes where, what is tried again, what an
error is."""

from __future__ import annotations

import asyncio
import functools
import math
import time
from collections.abc import Iterator, Mapping
from typing import Any, Protocol
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from django.views.decorators.debug import sensitive_variables

from ..conf import conf
from ..oidc import http
from ..oidc.errors import InstanceIDError, InstanceUnavailable, InvalidResponse
from ..oidc.pool import deadline
from ..tokens.connections import closing_connections
from .errors import check_import, read_api_error
from .sites import SiteDirectory, site_directory

UNAUTHORIZED, TOO_MANY_REQUESTS = 401, 429
# Said by what stands before the instance; its own errors are 500 with a text.
UNAVAILABLE = frozenset({502, 503, 504})
# RFC 9110 9.2.2: what may be sent twice without doing more than sent once.
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
IMPORT = "/Import"
PAUSES = (0.5, 1.0, 2.0)
LONGEST_PAUSE = 10.0
PAGE_SIZE = 100


class TokenSource(Protocol):
    """Whose tokens a session calls with."""

    def current(self) -> str:
        """The token to call with now."""

    def newer_than(self, refused: str) -> str | None:
        """A newer token than the one the instance refused, None where there is none."""


class InstanceSession(requests.Session):
    """A `requests.Session` to one instance, as somebody.

    An address that begins with a slash is the instance's, a relative one its Domain API's. The
    token goes to the instance's own sites and nowhere else, whatever address or redirect is given.
    A 401 is met with a newer token, once; a 429 with a pause, a few times, where asking twice does
    no harm. Errors are raised: APIError for what the instance refuses, InstanceUnavailable where
    it does not answer, SignInExpired where the visitor has to sign in again.
    """

    tokens: TokenSource
    origin: str
    directory: SiteDirectory
    limits: http.Limits
    max_bytes: int

    @sensitive_variables()
    def request(self, method: str, url: str, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        address = self.address(str(url))
        kwargs.setdefault("timeout", (self.limits.connect, self.limits.deadline))
        for name, value in http.environment(http.origin_of(address)).items():
            kwargs.setdefault(name, value)
        response = self._authorized(method, address, kwargs)
        for pause in PAUSES if method.upper() in IDEMPOTENT else ():
            wait = _wanted_pause(response, pause)
            if wait is None or not _can_be_sent_again(kwargs):
                break
            response.close()
            time.sleep(wait)
            response = self._authorized(method, address, kwargs)
        if response.status_code >= 400:
            raise _refusal(response, self.limits)
        if urlsplit(address).path.endswith(IMPORT) and response.status_code == 200:
            check_import(_json_object(response), http.shown_address(address))
        return response

    def close(self) -> None:
        """Leaves the connections open: they are the process's, for the next session."""

    async def arequest(self, method: str, url: str, **kwargs: Any) -> requests.Response:
        """As `request`, in a thread, so that the event loop goes on."""
        call = functools.partial(self.request, method, url, **kwargs)
        return await asyncio.to_thread(closing_connections, call)

    def items(
        self, url: str, params: Mapping[str, Any] | None = None, *, page_size: int = PAGE_SIZE
    ) -> Iterator[Any]:
        """The entities of an OData collection, fetched page by page as they are asked for.

        ``$top`` in ``params`` is how many at most, ``$skip`` how many to leave out. Links to the
        next page are followed on the instance's own sites only.
        """
        query = dict(params or {})
        total = query.pop("$top", None)
        left = math.inf if total is None else int(total)
        skip = int(query.pop("$skip", 0))
        while left > 0:
            asked = int(min(page_size, left))
            got = 0
            window = {"$top": asked, "$skip": skip} if skip else {"$top": asked}
            for values in self._linked_pages(url, {**query, **window}):
                got += len(values)
                yield from values[: int(min(left, len(values)))]
                left -= len(values)
                if left <= 0:
                    return
            # OData ends the links at $top; the instance's go on, and then their end is the end.
            if got != asked:
                return
            skip += got

    def _linked_pages(self, url: str, params: Mapping[str, Any]) -> Iterator[list[Any]]:
        answer = _json_object(self.get(url, params=params))
        while True:
            values = answer.get("value")
            if not isinstance(values, list):
                raise InvalidResponse("not_a_collection", url=http.shown_address(self.address(url)))
            yield values
            following = answer.get("@odata.nextLink")
            if not values or not isinstance(following, str):
                return
            answer = _json_object(self.get(following))

    def me(self) -> dict[str, Any]:
        """What the profile site says of the signed-in user. Not for service tokens."""
        return _json_object(self.get(self.directory.sites().profile + "me"))

    def address(self, url: str) -> str:
        """``url`` as an address of the instance. Raises InvalidResponse for any other."""
        if url.startswith("/") and not url.startswith("//"):
            return self.origin + url
        # A filter may hold an address of its own.
        is_absolute = "://" in url.partition("?")[0]
        absolute = url if is_absolute else urljoin(self.directory.sites().domain_api, url)
        if not self._is_own(absolute):
            raise InvalidResponse("foreign_address", url=http.shown_address(absolute))
        return absolute

    def rebuild_auth(
        self, prepared_request: requests.PreparedRequest, response: requests.Response
    ) -> None:
        """Called for each redirect: one that leaves the instance is not followed."""
        if not self._is_own(str(prepared_request.url)):
            raise InvalidResponse(
                "foreign_redirect", url=http.shown_address(str(prepared_request.url))
            )

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Called for each answer: the body of a redirect is of no use, however large."""
        target: str | None = super().get_redirect_target(resp)
        if target is not None:
            http.set_body(resp, b"")
            resp.raw.close()
        return target

    def _is_own(self, url: str) -> bool:
        sent = requests.PreparedRequest()
        try:
            sent.prepare_url(url, None)
            # Two readers may see two hosts in one address ("https://there\\@here"): both count.
            origins = {http.origin_of(url), http.origin_of(str(sent.url))}
        except ValueError:
            return False
        return origins == {self.origin} or origins <= self.directory.sites().origins()

    def _authorized(self, method: str, url: str, options: Mapping[str, Any]) -> requests.Response:
        token = self.tokens.current()
        response = self._call(method, url, token, options)
        if response.status_code == UNAUTHORIZED:
            newer = self.tokens.newer_than(token)
            if newer is not None and _can_be_sent_again(options):
                response.close()
                response = self._call(method, url, newer, options)
        return response

    def _call(
        self, method: str, url: str, token: str, options: Mapping[str, Any]
    ) -> requests.Response:
        headers = {**(options.get("headers") or {}), "Authorization": f"Bearer {token}"}
        try:
            with deadline(self.limits.deadline, each_read=bool(options.get("stream"))):
                sent = {**options, "headers": headers, "stream": True}
                response = super().request(method, url, **sent)
                if not options.get("stream"):
                    http.read_body(response, self.max_bytes)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise http.unavailable(error, http.shown_address(url)) from None
        return response


def open_session(tokens: TokenSource) -> InstanceSession:
    """A session over the process's pool of connections."""
    session = http.new_session(InstanceSession)
    session.tokens = tokens
    session.origin = http.origin_of(conf.instance_url)
    session.directory = site_directory()
    session.limits = conf.limits
    session.max_bytes = conf.api_max_bytes
    return session


def _wanted_pause(response: requests.Response, default: float) -> float | None:
    """Seconds to wait before asking again; None where that is not called for, or too long."""
    if response.status_code != TOO_MANY_REQUESTS:
        return None
    told = response.headers.get("Retry-After", "")
    # RFC 9110 10.2.3 allows a date as well, which says the same to a clock that may be off.
    pause = float(told) if told.isascii() and told.isdigit() and len(told) < 6 else default
    return pause if pause <= LONGEST_PAUSE else None


def _can_be_sent_again(options: Mapping[str, Any]) -> bool:
    # A file has been read to its end by then, and would be sent empty.
    return not options.get("files") and isinstance(
        options.get("data"), str | bytes | Mapping | list | tuple | None
    )


def _json_object(response: requests.Response) -> dict[str, Any]:
    try:
        answer = response.json()
    except ValueError:
        raise InvalidResponse("not_json", url=http.shown_address(response.url)) from None
    if not isinstance(answer, dict):
        raise InvalidResponse("not_a_json_object", url=http.shown_address(response.url))
    return answer


def _refusal(response: requests.Response, limits: http.Limits) -> InstanceIDError:
    body = b""
    try:
        with deadline(limits.deadline):
            http.read_body(response, http.MAX_ANSWER_BYTES)
        body = response.content
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, InstanceIDError):
        pass
    finally:
        response.close()
    url = http.shown_address(str(response.url))
    if response.status_code == TOO_MANY_REQUESTS:
        return InstanceUnavailable("too_many_requests", url=url, status=response.status_code)
    if response.status_code in UNAVAILABLE:
        return InstanceUnavailable("server_error", url=url, status=response.status_code)
    return read_api_error(response.status_code, body, url)
