"""Hostile callbacks and notices, so many a second. A process of its own: ``python -m
tests.storm.flood URL ISSUER CLIENT_ID KID RATE SECONDS`` prints what was answered, by status."""

import http.client
import itertools
import json
import secrets
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import django
from cryptography.hazmat.primitives.asymmetric import rsa
from django.http import HttpResponse
from django.test import RequestFactory

THREADS = 16
FORM = "application/x-www-form-urlencoded"


def main(url, issuer, client_id, kid, rate, seconds):
    requests = itertools.cycle(list(Attack(issuer, client_id, kid).requests()))
    print("begins", flush=True)  # noqa: T201
    started = time.monotonic()
    moments = iter([started + number / rate for number in range(int(rate * seconds))])

    def work(_number):
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
        seen = Counter()
        for moment in moments:
            if time.monotonic() > started + seconds:
                break
            time.sleep(max(0.0, moment - time.monotonic()))
            try:
                connection.request(*next(requests))
                response = connection.getresponse()
                response.read()
                seen[response.status] += 1
            except (OSError, http.client.HTTPException):
                # Cut off while it was still sending something too large.
                seen[0] += 1
                connection.close()
        return seen

    with ThreadPoolExecutor(THREADS) as pool:
        counts = sum(pool.map(work, range(THREADS)), Counter())
    rate = round(counts.total() / (time.monotonic() - started))
    print(json.dumps({"answers": counts, "a_second": rate}))  # noqa: T201


class Attack:
    """Material made beforehand, so that sending it costs little: tokens with bad signatures, of
    unknown keys, bodies too large, and notices that no instance sent."""

    def __init__(self, issuer, client_id, kid):
        self._key = rsa.generate_private_key(65537, 2048)
        self._claims = {"iss": issuer, "aud": client_id, "sub": "maria"}
        self._kid = kid

    def requests(self):
        """Method, path, body and headers of each."""
        large = b"id_token=" + b"x" * 300_000
        for _ in range(100):
            yield self._callback(self._kid)
            yield self._callback(secrets.token_hex(16))
            yield "POST", "/signin-callback", large, {"Content-Type": FORM}
            body = f"logout_token={self._token(secrets.token_hex(16), jti='j', sid='s')}".encode()
            yield "POST", "/backchannel-signout", body, {"Content-Type": FORM}

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
        attempt, cookie = attempts.new_attempt(request)
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


if __name__ == "__main__":
    django.setup()
    url, issuer, client_id, kid, rate, seconds = sys.argv[1:]
    main(url, issuer, client_id, kid, float(rate), float(seconds))
