"""Renewal for code on an event loop: the requests that want the same tokens wait in one thread."""

from __future__ import annotations

import asyncio
import functools
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from ..oidc.errors import InstanceIDError
from ..once import once
from .connections import closing_connections
from .refresh import Renewed, renew

# So many sign-ins can be renewed at the same moment by a process that serves ASGI.
THREADS = 32


async def arenew(sign_in_id: str | UUID, seen: int, *, wait: bool) -> Renewed | None:
    """As `renew`, without holding up the event loop, nor the thread that all sync code shares.

    The requests of one process that want the same tokens wait in one thread, not in one each.
    """
    key = (asyncio.get_running_loop(), str(sign_in_id), seen)
    while True:
        task = _under_way.get(key)
        is_own = task is None
        if task is not None and not wait:
            return None
        if task is None:
            task = asyncio.ensure_future(_in_thread(sign_in_id, seen, wait=wait))
            _under_way[key] = task
            task.add_done_callback(functools.partial(_forget_task, key))
        try:
            # A visitor who goes away does not take along what the others wait for.
            renewed = await asyncio.shield(task)
        except InstanceIDError as error:
            raise error.again() from None
        if renewed is not None or is_own:
            return renewed
        # It was the task of a request that does not wait.


_under_way: dict[tuple[object, ...], asyncio.Future[Renewed | None]] = {}


async def _in_thread(sign_in_id: str | UUID, seen: int, *, wait: bool) -> Renewed | None:
    work = functools.partial(closing_connections, renew, sign_in_id, seen, wait=wait)
    return await asyncio.get_running_loop().run_in_executor(_threads(), work)


def _forget_task(key: tuple[object, ...], task: asyncio.Future[Renewed | None]) -> None:
    del _under_way[key]
    if not task.cancelled():
        # Looked at, so that it is not reported where nobody waits for it any more.
        task.exception()


@once(inherited=False)
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, thread_name_prefix="erpnet-instanceid")
