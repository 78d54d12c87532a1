"""The heads of responses stay small: an nginx as it is installed takes 4 kB."""

import secrets
from urllib.parse import urlencode

import pytest


def head(response):
    return sum(len(f"{name}: {value}\r\n") for name, value in response.raw.headers.items())


# The one that just fits into a state is the worst one.
TARGETS = ["/private?month=11", "/private?q=" + secrets.token_hex(60)]


@pytest.mark.parametrize("target", TARGETS, ids=["short", "long"])
@pytest.mark.parametrize("words", [True, False], ids=["words", "random"])
def test_no_head_is_over_3_kb_with_a_token_of_2_kb(visitor, instance, words, target):
    def grow(token):
        size = (2200 - 900) * 3 // 4
        token.claims["extra"] = (
            ("Sales manager " * 99)[:size] if words else secrets.token_hex(size)[:size]
        )

    instance.change("front_id_token", grow)
    instance.change("id_token", grow)
    started = visitor.get("/signin?" + urlencode({"next": target}))
    answer = visitor.at(started.headers["Location"])
    carried = visitor.relay(answer.url, urlencode(answer.fields))
    done = visitor.arrive(carried.headers["Location"])
    assert done.headers["Location"] == target
    left = visitor.post("/signout")
    heads = [head(response) for response in (started, carried, done, left)]
    assert max(heads) < 3000, heads
