"""The consumer that docs/channels.rst prints, behind Channels' own middleware."""

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from channels.auth import AuthMiddlewareStack
from channels.testing import WebsocketCommunicator
from django.utils import timezone

from erpnet_instanceid.models import SignIn

from ..support.printed import DOCS, blocks

pytestmark = pytest.mark.django_db(transaction=True)


async def talk(client, *, sign_out):
    """The consumer's messages before and after the visitor's sign-out."""
    printed = {}
    exec(blocks(DOCS / "channels.rst")[1].text, printed)
    cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    socket = WebsocketCommunicator(
        AuthMiddlewareStack(printed["Customers"].as_asgi()),
        "/customers/",
        headers=[(b"cookie", cookie.encode())],
    )
    await socket.connect()
    await socket.send_json_to({})
    first = await socket.receive_json_from(timeout=10)
    await sync_to_async(sign_out)()
    await socket.send_json_to({})
    second = await socket.receive_output(timeout=10)
    await socket.disconnect()
    return first, second


def test_consumer_calls_the_instance_until_the_sign_out(client, instance, instance_sign_in):
    instance_sign_in(client, "maria")
    instance.next_answer("api", status=401)
    first, second = async_to_sync(talk)(
        client, sign_out=lambda: SignIn.objects.update(ended=timezone.now(), tokens="")
    )
    assert len(first) == 3
    assert second == {"type": "websocket.close", "code": 4401}
    # The token that the API refused is renewed.
    assert len(instance.calls("token", "refresh_token")) == 1
