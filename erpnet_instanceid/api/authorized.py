"""A `requests.Session` with tokens.

It decides where a token is sent, which call is sent again, and what an error is.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Protocol, TypeVar
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from asgiref.sync import sync_to_async
from django.utils.translation import get_language

from ..oidc import http
from ..oidc.adapter import environment
from ..oidc.errors import InvalidResponse
from ..oidc.pool import deadline
from ..oidc.tracebacks import ahides_own_frames, hides_own_frames
from ..once import once
from ..tokens.connections import Caller, give_back
from .answers import json_object, refusal
from .calls import Bearer, Call, limits_of
from .errors import check_import
from .governor import CallLimits, Gate, gate_of
from .sites import SiteDirectory

UNAUTHORIZED = 401
IMPORT = "/Import"
LANGUAGE = "Accept-Language"
# requests raises these before it sends anything: for a NaN in ``json=``, a line in a header.
CALLERS_MISTAKES = (requests.exceptions.InvalidHeader, requests.exceptions.InvalidJSONError)

# How many calls of a process that serves ASGI are sent at the same moment.
THREADS = 64

T = TypeVar("T")


class TokenSource(Protocol):
    """Gives a session the tokens to call with."""

    def current(self) -> str:
        """The token to call with now."""

    def newer_than(self, refused: str) -> str | None:
        """A token newer than the one that the instance refused, None if the source has no other."""


class AuthorizedSession(requests.Session):
    """Sends the calls of an `InstanceSession`."""

    tokens: TokenSource
    origin: str
    directory: SiteDirectory
    limits: http.Limits
    call_limits: CallLimits
    max_bytes: int
    language: str | None = None
    # Seconds for an answer that must be heard. Others come within the deadline of their call.
    answer_within: float | None = None

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
        language, caller = get_language(), await caller_here()
        call, step = await in_thread(caller, self._begin, method, str(url), kwargs, language)
        while isinstance(step, Gate):
            await step.aenter(call.patience)
            call.admitted_by = step
            step = await in_thread(caller, self._step, call)
        return step

    def close(self) -> None:
        """Leaves the connections open: other sessions of the process use them."""

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

    def merge_environment_settings(
        self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any
    ) -> Any:
        """The options of a call, completed as requests does it, from an environment read once."""
        found = environment(self.origin if self._is_at_origin(url) else http.origin_of(url))
        if verify in (None, True) and found["verify"] is not True:
            verify = found["verify"]
        return {
            "proxies": {**self.proxies, **found["proxies"], **(proxies or {})},
            "stream": stream,
            "verify": self.verify if verify is None else verify,
            "cert": self.cert if cert is None else cert,
        }

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

    def _is_at_origin(self, url: str) -> bool:
        """Quick for most addresses. False also for some that are written in another way."""
        return url.startswith(f"{self.origin}/")

    def _is_own(self, url: str) -> bool:
        if self._is_at_origin(url):
            return True
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
        options["timeout"] = limits.timeout
        return Call(method, address, options, limits, Bearer(self.tokens.current()))

    def _with_language(self, headers: Mapping[str, Any], active: str | None) -> Mapping[str, Any]:
        language = self.language or active
        if not language or LANGUAGE in self.headers:
            return headers
        return {LANGUAGE: language, **headers}

    def _step(self, call: Call) -> requests.Response | Gate:
        """The answer, or the gate at which the call has to wait before the next step."""
        # The visitor's token may have come from the database.
        give_back()
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
        seconds = self.answer_within or call.limits.deadline
        with deadline(seconds, each_read=call.is_streamed) as bound:
            try:
                response = super().request(call.method, call.address, **sent)
                if not call.is_streamed:
                    http.read_body(response, self.max_bytes)
            except CALLERS_MISTAKES:
                raise
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
            raise refusal(response, self.limits)
        if urlsplit(call.address).path.endswith(IMPORT) and response.status_code == 200:
            check_import(json_object(response), http.shown_address(call.address))


async def caller_here() -> Caller:
    """This task's variables, for a thread that works for the task."""
    # The thread of the request has its database connection.
    return await sync_to_async(_without_connection)()


def _without_connection() -> Caller:
    give_back()
    return Caller()


async def in_thread(caller: Caller, work: Callable[..., T], *args: Any) -> T:
    """What ``work`` returns. It is done in a thread to its end, even if the task goes away.

    The gate that admits a call waits for that end.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()
    done = _threads().submit(caller.run, work, *args)
    done.add_done_callback(functools.partial(_tell, loop, answer))
    return await answer


def _tell(loop: asyncio.AbstractEventLoop, answer: asyncio.Future[T], done: Future[T]) -> None:
    # The loop may have ended, and with it the task that waited.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(_settle, answer, done)


def _settle(answer: asyncio.Future[T], done: Future[T]) -> None:
    if answer.cancelled():
        return
    error = done.exception()
    if error is None:
        answer.set_result(done.result())
    else:
        answer.set_exception(error)


@once(inherited=False)
def _threads() -> ThreadPoolExecutor:
    # Not the loop's own: while the instance hangs, other libraries look up names there.
    return ThreadPoolExecutor(THREADS, thread_name_prefix="erpnet-instanceid-api")
