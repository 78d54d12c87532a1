"""A session to one instance, and what a caller asks it for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any

from django.utils.module_loading import import_string

from ..conf import conf
from ..oidc import http
from ..oidc.errors import InvalidResponse
from .answers import json_object, read_page
from .authorized import AuthorizedSession, TokenSource, caller_here, in_thread
from .governor import CallLimits
from .sites import site_directory
from .walk import PAGE_SIZE, Walk


class InstanceSession(AuthorizedSession):
    """A `requests.Session` to one instance, with the tokens of a visitor or of the application.

    An address that begins with a slash is the instance's, a relative one the Domain API's. The
    session sends the token to the instance's own sites only, whatever address or redirect it is
    given. Calls of one token queue, so that the instance's limits refuse none. After a 401 the
    session repeats the call once with a newer token, after a 429 a few times with pauses. Errors
    are raised: APIError if the instance refuses, InstanceUnavailable if it does not answer,
    SignInExpired if the visitor has to sign in again.

    ``language`` is what the instance is asked to answer in; if None, the active one of Django.
    """

    def transaction(
        self, model: str = "common", *, track_changes: bool = False
    ) -> AbstractContextManager[InstanceSession]:
        """See `erpnet_instanceid.api.transactions.transaction`."""
        # A site without transactions does not load that module.
        begin = import_string("erpnet_instanceid.api.transactions.transaction")
        return begin(self, model, track_changes=track_changes)  # type: ignore[no-any-return]

    def atransaction(
        self, model: str = "common", *, track_changes: bool = False
    ) -> AbstractAsyncContextManager[InstanceSession]:
        """Like `transaction`, on an event loop."""
        begin = import_string("erpnet_instanceid.api.transactions.atransaction")
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
            for item in walk.take(*read_page(answer)):
                yield item

    def count(self, url: str, params: Mapping[str, Any] | None = None) -> int:
        """How many entities an OData collection has, or its ``$filter`` leaves."""
        query = {**(params or {}), "$select": "Id", "$top": 1, "$count": "true"}
        answer = self.get(url, params=query)
        found = json_object(answer).get("@odata.count")
        if type(found) is not int:
            raise InvalidResponse("not_a_collection", url=http.shown_address(answer.url))
        return found

    def _page(self, url: str, params: Mapping[str, Any] | None) -> tuple[list[Any], str | None]:
        return read_page(self.get(url, params=params))

    def me(self) -> dict[str, Any]:
        """The signed-in user as the profile site knows them. Not for service tokens."""
        return json_object(self.get(self._profile()))

    async def ame(self) -> dict[str, Any]:
        """Like `me`, on an event loop."""
        return json_object(
            await self.arequest("GET", await in_thread(await caller_here(), self._profile))
        )

    def _profile(self) -> str:
        return self.directory.sites().profile + "me"


def open_session(tokens: TokenSource) -> InstanceSession:
    """A session over the process's pool of connections."""
    session = http.new_session(InstanceSession)
    session.tokens = tokens
    session.directory = site_directory()
    session.origin = http.origin_of(session.directory.instance_url)
    session.limits = session.directory.limits
    session.call_limits = CallLimits(conf.api_concurrency, conf.api_per_minute)
    session.max_bytes = conf.api_max_bytes
    return session
