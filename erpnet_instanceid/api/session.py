"""A `requests.Session` to one instance.

It decides where a token is sent, which call is sent again, and what an error is.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from django.utils.module_loading import import_string
from django.utils.translation import get_language

from ..conf import conf
from ..oidc import http
from ..oidc.adapter import with_environment
from ..oidc.errors import InstanceIDError, InstanceUnavailable, InvalidResponse
from ..oidc.pool import deadline
from ..oidc.tracebacks import ahides_own_frames, hides_own_frames
from ..tokens.connections import closing_connections
from .calls import TOO_MANY_REQUESTS, Bearer, Call, limits_of
from .errors import check_import, read_api_error
from .governor import CallLimits, Gate, gate_of
from .sites import SiteDirectory, site_directory
from .walk import PAGE_SIZE, Walk

UNAUTHORIZED = 401
# A proxy in front of the instance sends these. The instance's own errors are 500 with a text.
UNAVAILABLE = frozenset({502, 503, 504})
IMPORT = "/Import"
LANGUAGE = "Accept-Language"

T = TypeVar("T")


class TokenSource(Protocol):
    """Gives a session the tokens to call with."""

    def current(self) -> str:
        """The token to call with now."""

    def newer_than(self, refused: str) -> str | None:
        """A token newer than the one that the instance refused, None if the source has no other."""


class InstanceSession(requests.Session):
    """A `requests.Session` to one instance, with the tokens of a visitor or of the application.

    An address that begins with a slash is the instance's, a relative one the Domain API's. The
    session sends the token to the instance's own sites only, whatever address or redirect it is
    given. Calls of one token queue, so that the instance's limits refuse none. After a 401 the
    session repeats the call once with a newer token, after a 429 a few times with pauses. Errors
    are raised: APIError if the instance refuses, InstanceUnavailable if it does not answer,
    SignInExpired if the visitor has to sign in again.

    ``language`` is what the instance is asked to answer in; if None, the active one of Django.
    """

    tokens: TokenSource
    origin: str
    directory: SiteDirectory
    limits: http.Limits
    call_limits: CallLimits
    max_bytes: int
    language: str | None = None

    @hides_own_frames
    def request(self, method: str, url: str, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        call, step = self._begin(method, str(url), kwargs, get_language())
        while isinstance(step, Gate):
            step.enter(call.patience)
            call.admitted_by = step
            step = self._step(call)
        return step

    @ahides_own_frames
    async def arequest(self, method: str, url: str, **kwargs: Any) -> requests.Response:
        """Like `request`, on an event loop. Only a call that is being sent takes a thread."""
        # A thread does not know the language that is active here.
        language = get_language()
        call, step = await _in_thread(self._begin, method, str(url), kwargs, language)
        while isinstance(step, Gate):
            await step.aenter(call.patience)
            call.admitted_by = step
            step = await _in_thread(self._step, call)
        return step

    def close(self) -> None:
        """Leaves the connections open: other sessions of the process use them."""

    def transaction(
        self, model: str = "common", *, track_changes: bool = False
    ) -> AbstractContextManager[InstanceSession]:
        """See `erpnet_instanceid.api.transactions.transaction`."""
        # A site without transactions does not load that module.
        begin = import_string("erpnet_instanceid.api.transactions.transaction")
        return begin(self, model, track_changes=track_changes)  # type: ignore[no-any-return]

    def items(
        self, url: str, params: Mapping[str, Any] | None = None, *, page_size: int = PAGE_SIZE
    ) -> Iterator[Any]:
        """The entities of an OData collection; each page is fetched when it is needed.

        ``$top`` in ``params`` is how many at most, ``$skip`` how many to leave out. The session
        follows links to the next page on the instance's own sites only.
        """
        walk = Walk(url, params, page_size)
        while not walk.is_over:
            yield from walk.take(*self._page(*walk.next_page()))

    async def aitems(
        self, url: str, params: Mapping[str, Any] | None = None, *, page_size: int = PAGE_SIZE
    ) -> AsyncIterator[Any]:
        """Like `items`, on an event loop."""
        walk = Walk(url, params, page_size)
        while not walk.is_over:
            address, query = walk.next_page()
            answer = await self.arequest("GET", address, params=query)
            for item in walk.take(*_read_page(answer)):
                yield item

    def count(self, url: str, params: Mapping[str, Any] | None = None) -> int:
        """How many entities an OData collection has, or its ``$filter`` leaves."""
        query = {**(params or {}), "$select": "Id", "$top": 1, "$count": "true"}
        answer = self.get(url, params=query)
        found = json_object(answer).get("@odata.count")
        if not isinstance(found, int):
            raise InvalidResponse("not_a_collection", url=http.shown_address(answer.url))
        return found

    def _page(self, url: str, params: Mapping[str, Any] | None) -> tuple[list[Any], str | None]:
        return _read_page(self.get(url, params=params))

    def me(self) -> dict[str, Any]:
        """The signed-in user as the profile site knows them. Not for service tokens."""
        return json_object(self.get(self._profile()))

    async def ame(self) -> dict[str, Any]:
        """Like `me`, on an event loop."""
        return json_object(await self.arequest("GET", await _in_thread(self._profile)))

    def _profile(self) -> str:
        return self.directory.sites().profile + "me"

    def address(self, url: str) -> str:
        """The address at the instance that ``url`` means. Raises InvalidResponse for any other."""
        if url.startswith("/") and not url.startswith("//"):
            return self.origin + url
        # A filter in the query may have an address in it.
        is_absolute = "://" in url.partition("?")[0]
        absolute = url if is_absolute else urljoin(self.directory.sites().domain_api, url)
        if not self._is_own(absolute):
            raise InvalidResponse("foreign_address", url=http.shown_address(absolute))
        return absolute

    def rebuild_auth(
        self, prepared_request: requests.PreparedRequest, response: requests.Response
    ) -> None:
        """Refuses a redirect that leaves the instance. requests calls this for each redirect."""
        if not self._is_own(str(prepared_request.url)):
            raise InvalidResponse(
                "foreign_redirect", url=http.shown_address(str(prepared_request.url))
            )

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Drops the body of a redirect, however large. requests calls this for each answer."""
        target: str | None = super().get_redirect_target(resp)
        if target is not None:
            http.set_body(resp, b"")
            resp.raw.close()
        return target

    def _is_own(self, url: str) -> bool:
        sent = requests.PreparedRequest()
        try:
            sent.prepare_url(url, None)
            # Two parsers may see two hosts in one address ("https://there\\@here"): check both.
            origins = {http.origin_of(url), http.origin_of(str(sent.url))}
        except ValueError:
            return False
        return origins == {self.origin} or origins <= self.directory.sites().origins()

    def _begin(
        self, method: str, url: str, options: dict[str, Any], language: str | None
    ) -> tuple[Call, requests.Response | Gate]:
        options["headers"] = self._with_language(options.get("headers") or {}, language)
        call = self._new_call(method, url, options)
        return call, self._step(call)

    def _new_call(self, method: str, url: str, options: dict[str, Any]) -> Call:
        address = self.address(url)
        limits = limits_of(options.get("timeout"), self.limits)
        options["timeout"] = (limits.connect, limits.deadline)
        options = with_environment(http.origin_of(address), options)
        return Call(method, address, options, limits, Bearer(self.tokens.current()))

    def _with_language(self, headers: Mapping[str, Any], active: str | None) -> Mapping[str, Any]:
        language = self.language or active
        if not language or LANGUAGE in self.headers:
            return headers
        return {LANGUAGE: language, **headers}

    def _step(self, call: Call) -> requests.Response | Gate:
        """The answer, or the gate at which the call has to wait before the next step."""
        gate = gate_of(call.bearer.token, self.call_limits)
        if not call.passes(gate):
            return gate
        try:
            response = self._send(call)
        finally:
            gate.leave()
        if response.status_code == UNAUTHORIZED and self._renews_token(call):
            response.close()
            return gate_of(call.bearer.token, self.call_limits)
        pause = call.pause_after(response)
        if pause is not None:
            gate.pause(pause)
            if call.waits(pause):
                response.close()
                return gate
        self._check(call, response)
        return response

    def _send(self, call: Call) -> requests.Response:
        sent = {**call.options, "auth": call.bearer, "stream": True}
        with deadline(call.limits.deadline, each_read=call.is_streamed) as bound:
            try:
                response = super().request(call.method, call.address, **sent)
                if not call.is_streamed:
                    http.read_body(response, self.max_bytes)
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                raise http.unavailable(error, http.shown_address(call.address), bound) from None
        return response

    def _renews_token(self, call: Call) -> bool:
        """Whether ``call`` has a newer token now and may be sent with it."""
        if not call.may_renew:
            return False
        call.may_renew = False
        newer = self.tokens.newer_than(call.bearer.token)
        if newer is None or not call.can_be_repeated():
            return False
        call.bearer = Bearer(newer)
        return True

    def _check(self, call: Call, response: requests.Response) -> None:
        if response.status_code >= 400:
            raise _refusal(response, self.limits)
        if urlsplit(call.address).path.endswith(IMPORT) and response.status_code == 200:
            check_import(json_object(response), http.shown_address(call.address))


def open_session(tokens: TokenSource) -> InstanceSession:
    """A session over the process's pool of connections."""
    session = http.new_session(InstanceSession)
    session.tokens = tokens
    session.origin = http.origin_of(conf.instance_url)
    session.directory = site_directory()
    session.limits = conf.limits
    session.call_limits = CallLimits(conf.api_concurrency, conf.api_per_minute)
    session.max_bytes = conf.api_max_bytes
    return session


async def _in_thread(work: Callable[..., T], *args: Any) -> T:
    """What ``work`` returns. It is done in a thread to its end, even if the caller goes away.

    The gate that admits a call waits for that end.
    """
    call = functools.partial(closing_connections, work, *args)
    task = asyncio.ensure_future(asyncio.to_thread(call))
    task.add_done_callback(_look_at)
    return await asyncio.shield(task)


def _look_at(task: asyncio.Future[Any]) -> None:
    # asyncio reports an exception that nobody looks at.
    if not task.cancelled():
        task.exception()


def _read_page(answer: requests.Response) -> tuple[list[Any], str | None]:
    page = json_object(answer)
    values, link = page.get("value"), page.get("@odata.nextLink")
    if not isinstance(values, list):
        raise InvalidResponse("not_a_collection", url=http.shown_address(answer.url))
    return values, link if isinstance(link, str) else None


def json_object(response: requests.Response) -> dict[str, Any]:
    """The JSON object in an answer. Raises InvalidResponse if it has none."""
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
