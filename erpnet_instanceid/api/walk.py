"""Walks through an OData collection, page by page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..oidc import http
from ..oidc.errors import InvalidResponse

PAGE_SIZE = 1000


class Walk:
    """The pages of a collection: which to ask for next, and which entities an answer brings.

    ``$top`` in ``params`` is how many entities at most, ``$skip`` how many to leave out.
    """

    def __init__(self, url: str, params: Mapping[str, Any] | None, page_size: int) -> None:
        query = dict(params or {})
        total = query.pop("$top", None)
        self._url = url
        self._skip = int(query.pop("$skip", 0))
        self._query = query
        self._page_size = page_size
        self._left = math.inf if total is None else int(total)
        self._link: str | None = None
        self._followed: set[str] = set()
        self._asked = self._got = 0
        self._begin_window()

    @property
    def is_over(self) -> bool:
        return self._left <= 0

    def next_page(self) -> tuple[str, Mapping[str, Any] | None]:
        """Address and params of the next page."""
        if self._link is not None:
            return self._new(self._link), None
        window = {"$top": self._asked, "$skip": self._skip}
        return self._url, {**self._query, **{key: n for key, n in window.items() if n}}

    def take(self, values: list[Any], link: str | None) -> list[Any]:
        """The entities of a page that are asked for. ``link`` leads to the page after it."""
        self._link = link if values else None
        taken = values[: int(min(self._left, len(values)))]
        self._got += len(values)
        self._left -= len(values)
        if self._link is None:
            self._end_window()
        return taken

    def _new(self, link: str) -> str:
        """``link``, which leads to a page that was not there before: a circle would never end."""
        if link in self._followed:
            raise InvalidResponse("next_link_repeated", url=http.shown_address(link))
        self._followed.add(link)
        return link

    def _begin_window(self) -> None:
        self._asked = int(min(self._page_size, self._left))
        self._got = 0

    def _end_window(self) -> None:
        # An instance may end its links at $top. Then the next entities are behind those, unless
        # it had fewer than it was asked for.
        if self._got != self._asked:
            self._left = 0
            return
        self._skip += self._got
        self._begin_window()
