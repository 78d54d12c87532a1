"""Processes of the site that have not seen a session yet."""

from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client


class Process:
    """Answers ``browser``, a test client; over ASGI where ``kind`` is `AsyncClient`."""

    def __init__(self, browser, kind=Client):
        self.browser, self.client = browser, kind()

    def get(self, *args, **kwargs):
        return self._answer(self.client.get, *args, **kwargs)

    def post(self, *args, **kwargs):
        return self._answer(self.client.post, *args, **kwargs)

    def _answer(self, ask, *args, **kwargs):
        self.client.cookies = self.browser.cookies
        ask = async_to_sync(ask) if isinstance(self.client, AsyncClient) else ask
        return ask(*args, **kwargs)
