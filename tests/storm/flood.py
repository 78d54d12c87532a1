"""Hostile callbacks and notices, so many a second. A process of its own: ``python -m
tests.storm.flood URL ISSUER CLIENT_ID KID RATE SECONDS`` prints what was answered, by status."""

from __future__ import annotations

import http.client
import itertools
import json
import secrets
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from urllib.parse import urlsplit

import django
from cryptography.hazmat.primitives.asymmetric import rsa
from django.http import HttpResponse
from django.test import RequestFactory

THREADS = 16
FORM = "application/x-www-form-urlencoded"
Hostile = tuple[str, str, bytes, dict[str, str]]


def main(url, issuer, client_id, kid, rate, seconds):
    attack = Attack(issuer, client_id, kid)
    started = time.monotonic()
    counts: Counter[int] = Counter()
    lock = threading.Lock()
    numbers = itertools.count()

    def work():
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        seen: Counter[int] = Counter()
        while True:
            with lock:
                due = started + next(numbers) / rate
            if due > started + seconds:
                break
            time.sleep(max(0.0, due - time.monotonic()))
            method, path, body, headers = attack.next()
            try:
                connection.request(method, path, body, headers)
                response = connection.getresponse()
                response.read()
                seen[response.status] += 1
            except (OSError, http.client.HTTPException):
                # Cut off while it was still sending something too large.
                seen[0] += 1
                connection.close()
        connection.close()
        with lock:
            counts.update(seen)

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - started
    told = {"answers": counts, "a_second": round(sum(counts.values()) / took)}
    sys.stdout.write(json.dumps(told))


class Attack:
    """Material made beforehand, so that sending it costs little: tokens with bad signatures, of
    unknown keys, bodies too large, and notices that no instance sent."""

    def __init__(self, issuer, client_id, kid):
        self._key = rsa.generate_private_key(65537, 2048)
        self._claims = {"iss": issuer, "aud": client_id, "sub": "maria"}
        kinds: list[Callable[[], Hostile]] = [
            lambda: self._callback(kid),
            lambda: self._callback(secrets.token_hex(16)),
            self._large,
            lambda: self._notice(secrets.token_hex(16)),
        ]
        made = [kind() for _ in range(100) for kind in kinds]
        self._endless = itertools.cycle(made)
        self._lock = threading.Lock()

    def next(self):
        with self._lock:
            return next(self._endless)

    def _token(self, kid, **claims):
        from erpnet_instanceid.testing import Token

        now = int(time.time())
        times = {"iat": now, "nbf": now, "exp": now + 300}
        header = {"alg": "RS256", "kid": kid, "typ": "JWT"}
        return Token(header, {**self._claims, **times, **claims}, self._key).serialize()

    def _callback(self, kid):
        """An attempt of the attacker's own browser, and an answer that it forged."""
        from erpnet_instanceid.signin import answers, attempts

        request, response = RequestFactory().get("/"), HttpResponse()
        plan = attempts.Plan(int(time.time()), request.get_host())
        attempt, cookie = attempts.new_attempt(request, plan)
        pairs = [
            ("state", attempt.secrets.state),
            ("code", secrets.token_hex(32)),
            ("id_token", self._token(kid, nonce=attempt.secrets.nonce)),
        ]
        attempts.remember(request, response, attempt, cookie)
        answers.carry(request, response, answers.Answer(pairs))
        cookies = "; ".join(f"{name}={c.value}" for name, c in response.cookies.items())
        path = f"/signin-callback?reference={attempt.reference}"
        return "GET", path, b"", {"Cookie": cookies, "Accept": "text/html"}

    def _large(self):
        return "POST", "/signin-callback", b"id_token=" + b"x" * 300_000, {"Content-Type": FORM}

    def _notice(self, kid):
        body = f"logout_token={self._token(kid, jti='j', sid='s')}".encode()
        return "POST", "/backchannel-signout", body, {"Content-Type": FORM}


if __name__ == "__main__":
    django.setup()
    url, issuer, client_id, kid, rate, seconds = sys.argv[1:]
    main(url, issuer, client_id, kid, float(rate), float(seconds))
