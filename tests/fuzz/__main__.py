"""Coverage-guided fuzzing with atheris: ``python -m tests.fuzz [--seconds 600]``.

The same scene as the properties have, with bytes that are led by what code they reach.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile

import atheris

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
os.environ.setdefault("TESTS_DIRECTORY", tempfile.mkdtemp())

with atheris.instrument_imports(include=["erpnet_instanceid"]):
    import django

    django.setup()
    from erpnet_instanceid.conf import conf
    from erpnet_instanceid.oidc import jose, provider, token_endpoint
    from tests.fuzz.scene import FORM, Scene, document

from django.conf import settings
from django.core.management import call_command
from django.test.utils import setup_test_environment

from erpnet_instanceid.testing import run_instance

PARAMETERS = ["state", "code", "id_token", "error", "error_description", "iss"]


class Target:
    """Turns bytes into something that could arrive."""

    def __init__(self, instance):
        self.scene = Scene(instance)
        self.honest = self.scene.honest()
        self.runs = 0

    def __call__(self, data):
        self.runs += 1
        given = atheris.FuzzedDataProvider(data)
        actions = [
            self.callback,
            self.damaged,
            self.signed,
            self.body,
            self.cookies,
            self.notice,
            self.parsers,
        ]
        given_action = actions[given.ConsumeIntInRange(0, len(actions) - 1)]
        given_action(given)

    def callback(self, given):
        keep = ["state", "code"][given.ConsumeIntInRange(0, 1)]
        pairs = [(keep, self.honest[keep])]
        for _ in range(given.ConsumeIntInRange(0, 6)):
            name = PARAMETERS[given.ConsumeIntInRange(0, len(PARAMETERS) - 1)]
            pairs.append((name, given.ConsumeUnicode(200)))
        self.scene.answer(pairs)

    def damaged(self, given):
        raw = self.honest["id_token"]
        start = given.ConsumeIntInRange(0, len(raw))
        end = start + given.ConsumeIntInRange(0, 20)
        damaged = raw[:start] + given.ConsumeUnicode(20) + raw[end:]
        if damaged != raw:
            self.scene.answer([*{**self.honest, "id_token": damaged}.items()])

    def signed(self, given):
        payload = given.ConsumeBytes(500)
        header = given.ConsumeBytes(100) if given.ConsumeBool() else None

        def bend(token):
            token.payload = payload
            token.header_bytes = header

        raw = self.scene.id_token(bend)
        self.scene.answer([*{**self.honest, "id_token": raw}.items()])

    def body(self, given):
        self.scene.post(given.ConsumeBytes(500), FORM)

    def cookies(self, given):
        value = given.ConsumeBytes(200).decode("latin-1")
        self.scene.cookies({"erpnet_signin_REF": value, "erpnet_answer": value})

    def notice(self, given):
        self.scene.notice(b"logout_token=" + given.ConsumeBytes(500))

    def parsers(self, given):
        data = given.ConsumeBytes(500)
        client, issuer = conf.client, self.scene.instance.issuer
        text = data.decode("latin-1")
        self.scene.parses(lambda: jose.read_token(text, algorithms=["RS256"], types=["jwt"]))
        try:
            value = jose.read_json(data)
        except ValueError:
            return
        self.scene.parses(lambda: jose.read_key_set(value))
        found = {**client.provider.metadata().document, **document(value)}
        self.scene.parses(lambda: provider.read_metadata(found, issuer=issuer))
        answer = document(value)
        self.scene.parses(
            lambda: token_endpoint._read_tokens(answer, client, scope="openid", now=1e6)
        )


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--seconds", type=int, default=600)
    seconds = parser.parse_args().seconds
    setup_test_environment()
    logging.disable(logging.CRITICAL)
    call_command("migrate", verbosity=0)
    with run_instance() as instance:
        settings.ERPNET_INSTANCEID = instance.settings()
        target = Target(instance)
        atheris.Setup(
            [sys.argv[0], f"-max_total_time={seconds}", "-max_len=1500", "-verbosity=1"], target
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main()
