"""Properties over generated input. ``FUZZ_EXAMPLES=100000`` for a long run."""

import os

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from erpnet_instanceid.api import sites
from erpnet_instanceid.conf import conf
from erpnet_instanceid.oidc import jose, provider, token_endpoint

from ..support.forging import MISSING, claims, header, several
from .scene import FORM, Scene, document

pytestmark = pytest.mark.django_db

often = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "75")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
PROPERTIES = []


def for_all(**strategies):
    """A test with generated input, by hypothesis here and by atheris in ``__main__.py``."""

    def decorate(test):
        PROPERTIES.append((test, strategies))
        return often(given(**strategies)(test))

    return decorate


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=40),
    st.sampled_from(["RS256", "none", "HS256", "ES256", "JWT", "at+jwt", "logout+jwt", "true"]),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
TIMES = ["iat", "nbf", "exp", "auth_time"]
HASHES = ["c_hash", "s_hash", "at_hash"]
CLAIMS = [*TIMES, *HASHES, "iss", "aud", "azp", "sub", "nonce", "sid", "events", "jti", "amr"]
HEADERS = ["alg", "kid", "typ", "crit", "b64", "jwk", "jku", "x5u", "x5c", "cty", "zip"]
KEY_MEMBERS = ["kty", "kid", "use", "alg", "n", "e", "x", "y", "crv"]
TOKENS = ["access_token", "id_token", "refresh_token"]
TOKEN_FIELDS = [*TOKENS, "token_type", "expires_in", "scope", "error"]
PARAMETERS = ["state", "code", "id_token", "error", "error_description", "iss", "access_token"]
FOREIGN = rsa.generate_private_key(65537, 2048)
gone = st.just(MISSING)
forges = st.builds(
    lambda members, head: several(claims(**members), header(**head)),
    st.dictionaries(st.sampled_from(CLAIMS), values | gone, max_size=4),
    st.dictionaries(st.sampled_from(HEADERS), values | gone, max_size=2),
)


@pytest.fixture
def scene(instance, db):
    return Scene(instance)


@for_all(forge=forges, payload=st.none() | st.binary(), foreign=st.booleans())
def test_bent_tokens_are_answered(scene, forge, payload, foreign):
    def for_another(token):
        token.payload = payload
        if foreign:
            token.sign_with = FOREIGN
        if token.claims.get("nonce") == scene.attempt.secrets.nonce:
            token.claims["nonce"] = "x"

    raw = scene.id_token(forge, for_another)
    scene.answer([*{**scene.honest(), "id_token": raw}.items()])


@for_all(position=st.integers(0, 10_000), piece=st.text(max_size=5), cut=st.integers(0, 40))
def test_damaged_tokens_are_answered(scene, position, piece, cut):
    honest = scene.honest()
    raw = honest["id_token"]
    position %= len(raw)
    damaged = raw[:position] + piece + raw[position + cut :]
    if damaged != raw:
        scene.answer([*{**honest, "id_token": damaged}.items()])


@for_all(
    pairs=st.lists(
        st.tuples(st.sampled_from(PARAMETERS) | st.text(max_size=10), st.text(max_size=200)),
        max_size=8,
    ),
    # With both and nothing else it would be an honest answer by GET.
    keep=st.sampled_from(["state", "code"]),
)
def test_any_parameters_are_answered(scene, pairs, keep):
    scene.answer([(keep, scene.honest()[keep]), *pairs])


@for_all(
    body=st.binary(max_size=400),
    content_type=st.sampled_from(
        [FORM, f"{FORM}; charset=utf-16", "application/json", "multipart/form-data; boundary=x", ""]
    ),
)
def test_any_body_is_answered(scene, body, content_type):
    scene.post(body, content_type)
    scene.notice(body, content_type)
    scene.notice(b"logout_token=" + body)


@for_all(
    cookies=st.dictionaries(
        st.sampled_from(["erpnet_signin_REF", "erpnet_answer"]),
        # Characters that a header can hold.
        st.text(st.characters(min_codepoint=32, max_codepoint=255)),
    )
)
def test_any_cookies_are_answered(scene, cookies):
    scene.cookies(cookies)


@for_all(forge=forges)
def test_tokens_that_are_no_notices_end_nothing(scene, forge):
    # A logout token has no nonce, so this is not one.
    raw = scene.id_token(forge, claims(nonce="n"))
    scene.notice(b"logout_token=" + raw.encode("utf-8", "surrogatepass"))


@for_all(answer=st.dictionaries(st.sampled_from(TOKEN_FIELDS), values), text=st.text(max_size=300))
def test_any_token_answer_is_read_or_refused(scene, answer, text):
    client = conf.client
    scene.parses(
        lambda: token_endpoint._read_tokens(answer, client, scope="openid", now=1_000_000.0)
    )
    scene.parses(lambda: jose.read_token(text, algorithms=["RS256"], types=["jwt", ""]))


@for_all(
    document_=values,
    keys=st.lists(st.dictionaries(st.sampled_from(KEY_MEMBERS), values), max_size=4),
)
def test_any_document_is_read_or_refused(scene, document_, keys):
    client, issuer = conf.client, scene.instance.issuer
    found = {**client.provider.metadata().document, **document(document_)}
    scene.parses(lambda: provider.read_metadata(found, issuer=issuer))
    scene.parses(lambda: jose.read_key_set({"keys": keys}))
    scene.parses(lambda: jose.read_key_set(document_))
    scene.parses(lambda: sites.read_sites(document({"WebSites": document_}), issuer))
