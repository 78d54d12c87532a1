"""An event loop for work that uses the database."""

import asyncio

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.db import connections


def run_async(work):
    """What ``work`` returns. As a request under ASGI does, it leaves no connection open."""

    async def in_a_request():
        async with ThreadSensitiveContext():
            try:
                return await work
            finally:
                await sync_to_async(connections.close_all)()

    return asyncio.run(in_a_request())
