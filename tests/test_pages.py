"""What visitors read: in the site's other language too."""

from __future__ import annotations

import pytest
from django.utils import translation
from django.utils.functional import Promise

from erpnet_instanceid import pages

MESSAGES: list[Promise] = [
    *pages._SENTENCES.values(),
    *(text for _, _, title, sentence in pages._KINDS for text in (title, sentence)),
    pages._AWAY,
    pages._MISCONFIGURED,
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: str(message)[:30])
def test_every_message_is_translated(message: Promise) -> None:
    with translation.override("en"):
        english = str(message)
    with translation.override("bg"):
        assert str(message) != english
