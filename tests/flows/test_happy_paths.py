"""Rows POS of the cases: sign-ins that have to succeed."""

import hashlib
import json
import unicodedata
from urllib.parse import urlencode

import pytest
from django.contrib.auth import get_user_model

from erpnet_instanceid.models import Account, SignIn

from ..support.backend import sign_in
from ..support.forging import MISSING, claims
from ..support.outcomes import assert_signed_in, begin, look

ID_TOKENS = ("front_id_token", "id_token")


def assert_can_sign_in(visitor, instance, login="maria"):
    attempt = begin(visitor, instance, login, next_url="/private")
    attempt.assert_signed_in(login=login, target="/private")


def test_pos_01_hybrid_form_post_signs_in(visitor, instance):
    before = visitor.get("/basket?add=tea").json()
    assert before == {"basket": ["tea"]}
    key_before = visitor.whoami()["session"]

    response = visitor.sign_in("maria", "/private")

    assert response.headers["Location"] == "/private"
    who = visitor.whoami()
    assert who["user"] == "maria"
    assert who["basket"] == ["tea"]
    assert who["session"] != key_before
    order = [call.endpoint for call in instance.requests]
    assert order.index("authorize") < order.index("jwks") < order.index("token")
    assert order.count("token") == 1
    assert len(visitor.get("/customers").json()["value"]) == 3


@pytest.mark.parametrize(
    ("mode", "method"),
    [
        pytest.param("query", "GET", id="pos_02 by query"),
        pytest.param("form_post", "POST", id="pos_03 by form_post"),
    ],
)
def test_code_flow_signs_in(visitor, instance, configure, mode, method):
    configure(RESPONSE_TYPE="code", RESPONSE_MODE=mode)
    attempt = begin(visitor, instance, next_url="/private")
    assert attempt.answer.method == method
    assert {name for name, _ in attempt.answer.fields} == {"code", "state"}

    attempt.assert_signed_in(target="/private")

    (asked,) = instance.calls("authorize")
    assert asked["response_type"] == "code"


def test_pos_04_unknown_members_are_ignored(visitor, instance):
    nested = {f"x_{n}": {"level": {"list": [n, {"deep": None}]}} for n in range(200)}
    more = [("session_state", "abc.def"), ("foo", "bar"), ("foo", "baz")]
    for name in ID_TOKENS:
        instance.change(name, claims(**nested))
    instance.change("authorization_answer", lambda fields: fields.extend(more))
    instance.change("token_answer", lambda a: a.update(x_unknown={"a": [1]}, scope="openid read"))

    assert_can_sign_in(visitor, instance)

    assert visitor.whoami()["scope"] == "openid read"


def test_pos_05_profile_comes_from_the_access_token(visitor, instance):
    tokens = []
    for name in (*ID_TOKENS, "access_token"):
        instance.change(name, tokens.append)

    assert_can_sign_in(visitor, instance, "admin")

    told_by = [{"name", "email", "user_type", "is_admin"} & set(token.claims) for token in tokens]
    assert sorted(map(len, told_by)) == [0, 0, 4]
    user = get_user_model().objects.get(username="admin")
    assert (user.get_full_name(), user.email) == ("Elena Dimitrova", "admin@company.example")
    assert (user.is_staff, user.is_superuser) == (True, True)
    account = Account.objects.get()
    assert (account.user_id, account.user_type, account.is_admin) == (user.pk, "InternalUser", True)
    assert instance.calls("userinfo") == []


@pytest.mark.parametrize("told_by", ["access_token", "userinfo"])
def test_pos_08_name_in_raw_utf8_is_stored_exactly(visitor, instance, told_by):
    # Decomposed: equal to the eye, not the same.
    last_name = unicodedata.normalize("NFD", "Рай")
    instance.people["maria"].name = f"Иван {last_name}"

    def write_raw(token):
        if told_by == "userinfo":
            claims(name=MISSING, user_type=MISSING)(token)
        token.payload = json.dumps(token.claims, ensure_ascii=False).encode()

    instance.change("access_token", write_raw)
    # Not a claim: it only makes the token answer itself hold raw UTF-8.
    instance.change("token_answer", lambda answer: answer.update(name=f"Иван {last_name}"))
    instance.next_token_answer(headers={"Content-Type": "application/json; charset=utf-8"})

    assert_can_sign_in(visitor, instance)

    user = get_user_model().objects.get(username="maria")
    assert (user.first_name, user.last_name) == ("Иван", last_name)
    assert len(instance.calls("userinfo")) == (told_by == "userinfo")


@pytest.mark.usefixtures("site")
def test_pos_09_longest_sub_is_one_account():
    # Every sixteen characters differ, so that nothing is gained by compressing them.
    sub = "".join(hashlib.sha256(bytes([n])).hexdigest() for n in range(4))[:255]
    # Another one, the same but for the last character.
    twin = sub[:254] + ("0" if sub[254] != "0" else "1")

    users = [sign_in(login) for login in (sub, sub, twin)]

    assert users[0] == users[1] != users[2]
    first, second = Account.objects.order_by("pk")
    assert (first.sub, first.key, second.sub) == (sub, sub, twin)


def test_pos_13_14_keys_rotated_just_before_signing(new_visitor, instance):
    earlier, visitor = new_visitor(), new_visitor()
    assert_can_sign_in(earlier, instance)
    # The code is made, then the ID token that comes with it is signed.
    instance.change("code", lambda _code: instance.rotate_keys() and None, times=1)

    begin(visitor, instance, "admin").assert_signed_in(login="admin")

    assert len(instance.calls("jwks")) == 2
    assert len(instance.calls("token")) == 2


def test_pos_17_no_refresh_token_means_another_sign_in_later(visitor, instance):
    def short_and_final(answer):
        del answer["refresh_token"]
        answer["expires_in"] = 0

    instance.change("token_answer", short_and_final, times=1)
    response = visitor.sign_in("maria", "/customers")
    assert response.headers["Location"] == "/customers"
    (asked,) = instance.calls("authorize")
    assert "offline_access" in asked["scope"].split()

    expired = visitor.get("/customers")

    assert expired.status_code == 302
    assert expired.headers["Location"].startswith("/signin?next=")
    assert visitor.whoami()["user"] == ""
    assert instance.calls("token", "refresh_token") == []
    assert SignIn.objects.get().ended is not None


def test_pos_18_code_and_secret_arrive_as_they_are(visitor, instance, configure):
    code, secret = "a+b/c=d%26e~._-", "p@ss&=+% \u00e9"
    instance.register(secret=secret)
    configure(**instance.settings())
    instance.change("code", lambda _code: code)

    assert_can_sign_in(visitor, instance)

    (request,) = instance.calls("token")
    assert request["code"] == code
    assert request["client_secret"] == secret


def test_pos_19_two_tabs_whose_answers_cross(visitor, instance):
    first, second = (visitor.at(visitor.start(page)) for page in ("/private", "/basket"))

    # Both post before either comes back by GET: there is one cookie to carry an answer in.
    relayed = [visitor.relay(each.url, urlencode(each.fields)) for each in (first, second)]
    late = visitor.carried(relayed[0])
    before = look(visitor, instance)
    assert_signed_in(visitor, visitor.carried(relayed[1]), before, target="/basket")
    # The tab whose answer was lost asks again, without the visitor having to.
    assert late.headers["Location"].startswith(f"{instance.issuer}/connect/authorize?")
    before = look(visitor, instance)
    again = visitor.bring(visitor.at(late.headers["Location"], None))
    assert_signed_in(visitor, again, before, target="/private")


@pytest.mark.parametrize("https", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("same_site", ["Lax", "Strict", "None"])
@pytest.mark.parametrize("response_type", ["code id_token", "code"])
def test_pos_20_anonymous_session_is_kept(
    new_visitor, instance, configure, settings, response_type, same_site, https
):
    configure(RESPONSE_TYPE=response_type)
    settings.SESSION_COOKIE_SAMESITE = same_site
    settings.SESSION_COOKIE_SECURE = https
    visitor = new_visitor(https=https)
    visitor.get("/basket?add=tea")
    (before,) = visitor.cookies("sessionid")

    assert_can_sign_in(visitor, instance)

    who = visitor.whoami()
    assert who["basket"] == ["tea"]
    (cookie,) = visitor.cookies("sessionid")
    assert cookie.value == who["session"] != before.value
    assert _attributes(cookie) == _attributes(before)
    assert _attributes(cookie)["SameSite"] == same_site


def _attributes(cookie):
    own = {"path": cookie.path, "domain": cookie.domain, "secure": cookie.secure}
    return {**own, **cookie._rest}
