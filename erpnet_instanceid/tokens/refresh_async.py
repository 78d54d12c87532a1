"""Renewal for code on an event loop.

The request's own thread reads and writes the row, because the site may have set up that thread's
database connection. A thread of this module asks the instance, so that neither the event loop nor
the request's thread waits for it. If several requests of a process want the same tokens, they wait
for one task.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar
from uuid import UUID

from asgiref.sync import sync_to_async

from ..oidc.errors import InstanceIDError
from ..oidc.token_set import TokenSet
from ..once import once
from . import lease
from .connections import give_back
from .following import claims_of, follow
from .refresh import Answer, Leased, Pending, Renewed, Wanted, look, newest
from .renewal import (
    PATIENCE_SECONDS,
    Patience,
    exchange_and_hand_over,
    exchange_in_passing,
    settle,
    settle_late,
)

P = ParamSpec("P")
T = TypeVar("T")

# How many sign-ins a process that serves ASGI can renew at the same moment.
THREADS = 32


class Renewal:
    """One renewal under way, and whether its request still waits for it."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.is_awaited = True
        self.task = asyncio.ensure_future(self._run())

    async def _run(self) -> Renewed | None:
        patience = Patience()
        while isinstance(found := await sync_to_async(_look)(self.wanted), Pending):
            await asyncio.sleep(patience.next_pause(self.wanted))
            if not self.is_awaited:
                return None
        if not isinstance(found, Leased):
            return found
        handed_over = _begin_exchange(found)
        if handed_over is None:
            await sync_to_async(lease.release)(found.sign_in)
            return None
        # If the server stops the event loop, the thread stores the answer.
        answer = await asyncio.wrap_future(handed_over)
        if not self.is_awaited:
            # The request has ended, and so has its thread.
            await _in_thread(found.caller.run, settle_late, found, answer)
            return None
        renewed = await sync_to_async(settle)(found, answer)
        if renewed is not None and renewed.by_this_call:
            await self._follow(found, renewed.tokens)
        return renewed

    async def _follow(self, leased: Leased, tokens: TokenSet) -> None:
        sign_in = leased.sign_in
        claims = await _in_thread(claims_of, sign_in, tokens, leased.seconds_to_follow())
        if self.is_awaited:
            await sync_to_async(follow)(sign_in, claims)
        else:
            await _in_thread(leased.caller.run, follow, sign_in, claims)


def _look(wanted: Wanted) -> Renewed | Leased | Pending | None:
    found = look(wanted)
    give_back()
    return found


def _begin_exchange(leased: Leased) -> Future[Answer] | None:
    if not leased.wanted.wait:
        return exchange_in_passing(leased)
    handed_over: Future[Answer] = Future()
    _threads().submit(exchange_and_hand_over, leased, handed_over)
    return handed_over


_under_way: dict[tuple[object, ...], Renewal] = {}


async def arenew(sign_in_id: str | UUID, seen: int, *, wait: bool) -> Renewed | None:
    """As `renew`, without holding up the event loop, nor the thread that all sync code shares."""
    key = (asyncio.get_running_loop(), str(sign_in_id), seen)
    while True:
        renewal = _under_way.get(key)
        is_own = renewal is None
        if renewal is not None and not wait:
            return None
        if renewal is None:
            renewal = Renewal(Wanted(sign_in_id, seen, wait))
            _under_way[key] = renewal
            renewal.task.add_done_callback(functools.partial(_forget, key))
        renewed = await _result(renewal, wait=wait, is_own=is_own)
        if renewed is not None or is_own:
            return renewed
        # That task was begun by a request that does not wait for newer tokens. This one does.


async def _result(renewal: Renewal, *, wait: bool, is_own: bool) -> Renewed | None:
    try:
        # A visitor who goes away does not end the task: others may wait for it.
        return await asyncio.wait_for(
            asyncio.shield(renewal.task), None if wait else PATIENCE_SECONDS
        )
    except asyncio.TimeoutError:
        return await sync_to_async(newest)(renewal.wanted.sign_in_id)
    except InstanceIDError as error:
        raise error.again() from None
    finally:
        if is_own:
            renewal.is_awaited = False


def _forget(key: tuple[object, ...], task: asyncio.Future[Renewed | None]) -> None:
    del _under_way[key]
    if not task.cancelled():
        # Reads the error, since asyncio reports one that no code has read.
        task.exception()


async def _in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    call = functools.partial(work, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_threads(), call)


@once(inherited=False)
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, thread_name_prefix="erpnet-instanceid")
