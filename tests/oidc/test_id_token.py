"""ID tokens and logout tokens: what each check refuses. Rows CLM, HYB and SIG-23 of the cases."""

import base64
import functools
import hashlib

import pytest

from erpnet_instanceid.oidc.errors import TokenRejected
from erpnet_instanceid.oidc.id_token import (
    LOGOUT_EVENT,
    NO_NONCE,
    check_refreshed_id_token,
    check_same_sign_in,
    half_hash,
    original_claims,
    read_stored_id_token,
    session_id,
)

from ..support.forging import MISSING, claims, header, several
from .issuing import (
    ACCESS_TOKEN,
    BACK,
    CODE,
    FRONT,
    LOGOUT,
    NONCE,
    NOW,
    TIMES,
    Kind,
    every_kind,
    id_tokens,
)

HOUR, DAY = 3600, 24 * 3600


@every_kind
def test_pos_06_07_right_token_passes(issuer, kind):
    assert issuer.check(kind)["sub"] == "maria"
    assert issuer.check(kind, claims(extra={"a": [1]}))["extra"] == {"a": [1]}
    assert issuer.check(kind, claims(aud=[issuer.client_id], iat=NOW + 5, nbf=NOW + 5))
    for typ in ["JWT", "jwt"]:
        assert issuer.check(kind, header(typ=typ))


@every_kind
def test_clm_01_token_of_another_issuer_is_refused(issuer, kind):
    right = issuer.instance.issuer
    same_host = [right + "1", right + "/", right.upper(), right[:-1], right[:9], right[7:]]
    scheme = [right.replace("http:", "https:"), right.replace("http:", "HTTP:")]
    around = [f"{right} ", f"https://evil.test/?{right}", right.replace("127.0.0.1", "LOCALHOST")]
    types = [[right], {"iss": right}, None, "", 5, MISSING]
    for iss in [*same_host, *scheme, *around, *types]:
        assert issuer.refusal(kind, claims(iss=iss)) == "claim_mismatch iss", iss


@every_kind
def test_clm_02_token_for_another_audience_is_refused(issuer, kind):
    right = issuer.client_id
    texts = [right + "1", right.upper(), right[:-1], f"{right} other", ""]
    lists = [[], [[right]], [right, 1], [right, right], [right, "other"], ["other", right], [None]]
    for aud in [*texts, *lists, MISSING, None, 0, True, {right: True}]:
        assert issuer.refusal(kind, claims(aud=aud)) == "claim_mismatch aud", aud
    assert issuer.check(kind, claims(aud=[right]))


@id_tokens
def test_clm_04_token_for_another_party_is_refused(issuer, kind):
    right = issuer.client_id
    for azp in ["other", [right], 5, None, "", right.upper()]:
        assert issuer.refusal(kind, claims(azp=azp)) == "claim_mismatch azp", azp
    assert issuer.check(kind, claims(azp=right))


@id_tokens
def test_hyb_15_second_audience_is_refused(issuer, kind):
    right = issuer.client_id
    for azp in [MISSING, right]:
        forge = claims(aud=[right, "other.example.com"], azp=azp)
        assert issuer.refusal(kind, forge) == "claim_mismatch aud"


ODD_SUBJECTS = [None, "", " ", "\t", 123, 0, True, 1.5, ["U1"], [], {}, "x" * 256]
HIDDEN = ["\0", "\n", "\r\n", "\x7f", "\x1b[1m", "\ud800", "\u202e", "\u2066", "\u200b", "\u2028"]


@every_kind
def test_clm_05_sub_that_names_nobody_is_refused(issuer, kind):
    for sub in ODD_SUBJECTS if kind is LOGOUT else [MISSING, *ODD_SUBJECTS]:
        assert issuer.refusal(kind, claims(sub=sub)) == "malformed_claim sub", sub
    assert issuer.check(kind, claims(sub="x" * 255))


@every_kind
def test_clm_07_sub_with_hidden_characters_is_refused(issuer, kind):
    for hidden in HIDDEN:
        for sub in [f"maria{hidden}", f"{hidden}maria", f"ma{hidden}ria"]:
            assert issuer.refusal(kind, claims(sub=sub)) == "malformed_claim sub", ascii(sub)


@every_kind
def test_clm_10_token_without_a_time_ahead_is_refused(issuer, kind):
    for exp in [NOW - HOUR, NOW - 301, NOW - 60, 0, -1, -(10**18), -1e308]:
        assert issuer.refusal(kind, claims(exp=exp)) == "token_expired exp", exp
    for exp in ["9999999999", True, [], [9999999999], {}, 10**400]:
        assert issuer.refusal(kind, claims(exp=exp)) == "malformed_claim exp", exp
    for exp in [None, MISSING]:
        assert issuer.refusal(kind, claims(exp=exp)) == "claim_missing exp"


@every_kind
def test_clm_12_clock_within_the_skew_passes(issuer, kind):
    for ahead in [NOW + 300.5, 10**18, 2**63, 1.7e308, NOW - 59]:
        assert issuer.check(kind, claims(exp=ahead))
    assert issuer.check(kind, claims(iat=NOW + 60, nbf=NOW + 60))


@every_kind
def test_clm_13_token_issued_at_another_time_is_refused(issuer, kind):
    def refusal(iat):
        return issuer.refusal(kind, claims(iat=iat, nbf=MISSING, exp=NOW + HOUR))

    for iat in [NOW + HOUR, NOW + 61, 10**18, 1.7e308]:
        assert refusal(iat) == "token_not_yet_valid iat", iat
    for iat in [NOW - DAY, NOW - HOUR - 61, 0]:
        assert refusal(iat) == "token_expired iat", iat
    for iat in ["now", "1700000000", True, []]:
        assert refusal(iat) == "malformed_claim iat", iat
    for iat in [None, MISSING]:
        assert refusal(iat) == "claim_missing iat"


@every_kind
def test_clm_14_token_for_later_is_refused(issuer, kind):
    for nbf in [NOW + 600, NOW + 61, 10**18]:
        assert issuer.refusal(kind, claims(nbf=nbf)) == "token_not_yet_valid nbf", nbf
    for nbf in ["soon", "0", [], {}, False]:
        assert issuer.refusal(kind, claims(nbf=nbf)) == "malformed_claim nbf", nbf
    assert issuer.refusal(kind, claims(nbf=None)) == "claim_missing nbf"
    assert issuer.check(kind, claims(nbf=MISSING))


@id_tokens
def test_clm_16_authentication_that_is_too_old_is_refused(issuer, kind):
    def refusal(auth_time):
        return issuer.refusal(kind, claims(auth_time=auth_time), max_age=300)

    assert issuer.check(kind, claims(auth_time=NOW - 300), max_age=300)
    assert refusal(NOW - 361) == "authentication_too_old auth_time"
    assert refusal(MISSING) == "claim_missing auth_time"
    for auth_time in ["x", NOW + HOUR, True]:
        assert refusal(auth_time) == "malformed_claim auth_time", auth_time


@id_tokens
def test_clm_15_other_nonce_is_refused(issuer, kind):
    case = [NONCE.upper(), NONCE.swapcase(), NONCE[:5], NONCE[:-1], NONCE + "1", NONCE + "="]
    around = [NONCE + " ", " " + NONCE, NONCE + "\0", NONCE + "é", "\ud800", ""]
    for nonce in [*case, *around, None, 5, True, [NONCE], {NONCE: NONCE}, MISSING]:
        assert issuer.refusal(kind, claims(nonce=nonce)) == "claim_mismatch nonce", nonce


def other_spellings(value):
    """Texts that are not the left half of the hash of ``value`` in base64url."""
    digest = hashlib.sha256(value.encode()).digest()
    right = half_hash(value, "RS256")
    halves = [base64.urlsafe_b64encode(digest[:16]).decode(), digest[:16].hex()]
    wholes = [base64.urlsafe_b64encode(digest).decode().rstrip("="), digest.hex()]
    right_half = base64.urlsafe_b64encode(digest[16:]).decode().rstrip("=")
    types = [[right], None, "", 5, {}]
    return [right + "1", right.swapcase(), right[:8], right_half, *halves, *wholes, *types]


def test_hyb_03_04_other_spelling_of_c_hash_is_refused(issuer):
    for c_hash in other_spellings(CODE):
        assert issuer.refusal(FRONT, claims(c_hash=c_hash)) == "claim_mismatch c_hash", c_hash


def test_hyb_04_c_hash_in_the_standard_alphabet_is_refused(issuer):
    # The hash of this code has both characters in which the alphabets differ.
    code = "a-code-whose-hash-needs-both-alphabets-30"
    right = half_hash(code, "RS256")
    assert set(right) > set("-_")
    wrong = right.replace("-", "+").replace("_", "/")

    assert issuer.check(FRONT, claims(c_hash=right), code=code)
    refusal = issuer.refusal(FRONT, claims(c_hash=wrong), code=code)
    assert refusal == "claim_mismatch c_hash"


def test_hyb_02_front_id_token_without_c_hash_is_refused(issuer):
    assert issuer.refusal(FRONT, claims(c_hash=MISSING)) == "claim_missing c_hash"


def test_hyb_06_front_id_token_of_another_state_is_refused(issuer):
    for s_hash in ["wrong", *other_spellings("state-aA1")]:
        assert issuer.refusal(FRONT, claims(s_hash=s_hash)) == "claim_mismatch s_hash", s_hash


def test_hyb_11_id_token_of_another_access_token_is_refused(issuer):
    for at_hash in [half_hash("another", "RS256"), *other_spellings(ACCESS_TOKEN)]:
        assert issuer.refusal(BACK, claims(at_hash=at_hash)) == "claim_mismatch at_hash", at_hash


def test_pos_15_hashes_that_are_optional_may_be_left_out(issuer):
    assert issuer.check(FRONT, claims(s_hash=MISSING))
    assert issuer.check(BACK, claims(at_hash=MISSING))


def test_hash_is_that_of_the_tokens_own_algorithm():
    for algorithm, digest in [("RS384", hashlib.sha384), ("ES512", hashlib.sha512)]:
        whole = digest(b"code").digest()
        half = base64.urlsafe_b64encode(whole[: len(whole) // 2]).decode().rstrip("=")
        assert half_hash("code", algorithm) == half


def test_hyb_07_16_tokens_of_two_sign_ins_are_refused():
    front = {"sub": "maria", "sid": "S1", "auth_time": 1}
    for name, value in [("sub", "ivan"), ("sid", "S2"), ("auth_time", 2)]:
        with pytest.raises(TokenRejected) as caught:
            check_same_sign_in(front, {**front, name: value})
        assert (caught.value.code, caught.value.facts) == ("tokens_disagree", {"claim": name})
    check_same_sign_in(front, {"sub": "maria"})


@id_tokens
def test_hyb_13_logout_token_is_no_id_token(issuer, kind):
    event = claims(events={LOGOUT_EVENT: {}}, jti="1")
    # Some instances name no type at all: then only the event tells.
    assert issuer.refusal(kind, event) == "claim_forbidden events"
    for typ in ["logout+jwt", "at+jwt"]:
        assert issuer.refusal(kind, several(event, header(typ=typ))) == "wrong_token_type"


@every_kind
def test_sig_23_token_of_another_kind_is_refused(issuer, kind):
    others = ["dpop+jwt", "application/dpop+jwt", "secevent+jwt", 5, None, ["JWT"]]
    for typ in others if kind is LOGOUT else [*others, "logout+jwt", "at+jwt"]:
        assert issuer.refusal(kind, header(typ=typ)) == "wrong_token_type", typ


def test_lbc_02_03_logout_token_is_signed_as_id_tokens_are(issuer):
    for alg in ["none", "ES256"]:
        assert issuer.refusal(LOGOUT, header(alg=alg)) == "algorithm_refused", alg


def test_lbc_04_05_logout_token_tells_of_a_sign_out(issuer):
    other = {"http://schemas.openid.net/event/foobar": {}}
    for events in [MISSING, None, [], other, {LOGOUT_EVENT: None}, LOGOUT_EVENT]:
        assert issuer.refusal(LOGOUT, claims(events=events)) == "claim_mismatch events", events


def test_lbc_06_10_logout_token_names_whom_and_has_no_nonce(issuer):
    assert issuer.refusal(LOGOUT, claims(nonce="x")) == "claim_forbidden nonce"
    neither = claims(sub=MISSING, sid=MISSING)
    assert issuer.refusal(LOGOUT, neither) == "claim_missing sub or sid"
    for sid in [None, "", 5, [], "x" * 256, "a\0b"]:
        assert issuer.refusal(LOGOUT, claims(sid=sid)) == "malformed_claim sid", sid
    assert issuer.refusal(LOGOUT, claims(sub="", sid=None)) == "malformed_claim sub"


def test_lbc_08_09_logout_token_is_of_this_issuer_for_this_site(issuer):
    longer = lambda value: value + "INVALID"  # noqa: E731
    assert issuer.refusal(LOGOUT, claims(aud=longer)) == "claim_mismatch aud"
    assert issuer.refusal(LOGOUT, claims(iss=longer)) == "claim_mismatch iss"


def test_lbc_11_logout_token_is_new_and_has_a_name(issuer):
    for jti in [MISSING, None, "", 5]:
        assert issuer.refusal(LOGOUT, claims(jti=jti)) == "claim_missing jti", jti
    assert issuer.refusal(LOGOUT, claims(exp=lambda exp: exp - 600)) == "token_expired exp"


def test_logout_token_may_name_the_session_or_the_person_alone(issuer):
    assert "sub" not in issuer.check(LOGOUT, claims(sub=MISSING))
    assert "sid" not in issuer.check(LOGOUT, claims(sid=MISSING))
    assert issuer.check(LOGOUT, claims(events={LOGOUT_EVENT: {}, "other": {}}))


@pytest.mark.parametrize("typ", ["jwt", "JWT", "Logout+JWT", "application/at+jwt", "at+jwt"])
def test_lbc_23_types_that_providers_give_logout_tokens(issuer, typ):
    assert issuer.check(LOGOUT, header(typ=typ))


def test_clm_18_only_a_sid_that_can_be_stored_counts():
    for sid in [None, 5, "", [], {}, "x" * 256, "a\0b", "\ud800"]:
        assert session_id({"sid": sid}) is None, sid
    assert session_id({}) is None
    assert session_id({"sid": "x" * 255}) == "x" * 255


# After a refresh: OpenID Connect Core 12.2

ORIGINAL = {"nonce": NONCE, "auth_time": NOW - 5}
REFRESHED = Kind(
    "refreshed",
    {**TIMES, "sub": "maria"},
    functools.partial(
        check_refreshed_id_token, original=ORIGINAL, access_token=ACCESS_TOKEN, now=NOW
    ),
)


def test_refreshed_token_repeats_what_the_first_one_said(issuer):
    for repeated in [{}, ORIGINAL, {"nonce": NONCE}, {"auth_time": NOW - 5}]:
        assert issuer.check(REFRESHED, claims(**repeated))["sub"] == "maria"
    for nonce in [NONCE + "1", "", None, 5]:
        assert issuer.refusal(REFRESHED, claims(nonce=nonce)) == "claim_mismatch nonce", nonce
    for auth_time in [NOW, NOW - 6, str(NOW - 5), None]:
        forge = claims(auth_time=auth_time)
        assert issuer.refusal(REFRESHED, forge) == "claim_mismatch auth_time", auth_time


def test_rfr_04_refreshed_token_has_the_party_of_the_first_one(issuer):
    own = issuer.client_id
    named = {**ORIGINAL, "azp": own}
    assert issuer.check(REFRESHED, claims(azp=own), original=named)
    assert issuer.refusal(REFRESHED, claims(azp=own)) == "claim_mismatch azp"
    for azp in [MISSING, "other"]:
        refusal = issuer.refusal(REFRESHED, claims(azp=azp), original=named)
        assert refusal == "claim_mismatch azp"


def test_refreshed_token_was_issued_now(issuer):
    assert issuer.check(REFRESHED, claims(iat=NOW - 119, nbf=NOW - 119))
    assert issuer.refusal(REFRESHED, claims(iat=NOW - 121)) == "token_expired iat"
    assert issuer.refusal(REFRESHED, claims(iat=NOW + 61)) == "token_not_yet_valid iat"


def test_rfr_02_07_refreshed_token_is_checked_like_the_first(issuer):
    for name in ["iss", "aud", "at_hash"]:
        assert issuer.refusal(REFRESHED, claims(**{name: "x"})) == f"claim_mismatch {name}"
    assert issuer.refusal(REFRESHED, claims(exp=NOW - 61)) == "token_expired exp"
    assert issuer.refusal(REFRESHED, header(alg="none")) == "algorithm_refused"


def test_refreshed_token_without_a_known_first_one_passes(issuer):
    assert issuer.check(REFRESHED, claims(nonce="any", auth_time=NOW), original=None)
    # A first token without auth_time leaves nothing to compare with.
    assert issuer.check(REFRESHED, claims(auth_time=NOW), original={"nonce": NONCE})


def test_first_token_is_read_from_where_it_is_stored(issuer):
    stored = read_stored_id_token(issuer.token(BACK), client=issuer.client)
    assert stored is not None
    assert original_claims(stored) == ORIGINAL
    assert read_stored_id_token("unreadable", client=issuer.client) is None


def test_nonce_is_left_unchecked_only_on_request(issuer):
    assert issuer.check(BACK, claims(nonce=MISSING), nonce=NO_NONCE)
    assert repr(NO_NONCE) == "NO_NONCE"
