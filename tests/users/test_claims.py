"""A visitor as the claims describe them."""

import pytest

from erpnet_instanceid.users.claims import is_true, merge_claims, text


@pytest.mark.parametrize(
    ("sources", "merged"),
    [
        ([{"a": 1}, {"a": 2, "b": 3}], {"a": 1, "b": 3}),
        ([{"is_admin": "true"}, {"is_admin": "false"}], {"is_admin": False}),
        ([{"is_admin": "false"}, {"is_admin": True}], {"is_admin": False}),
        ([{"is_admin": "True"}, {}], {"is_admin": True}),
        ([{"is_admin": "true"}, {"is_admin": None}], {"is_admin": False}),
        ([{"user_type": "A"}, {"user_type": "A"}], {"user_type": "A"}),
        ([{"user_type": "A"}, {"user_type": "B"}], {}),
        ([{"user_type": "A"}, {"user_type": ["A"]}], {}),
        ([{"email": "a"}, {"email": "b", "email_verified": "true"}], {"email": "a"}),
        (
            [{"email_verified": True}, {"email": "b", "email_verified": "false"}],
            {"email": "b", "email_verified": "false"},
        ),
        ([{"email_verified": True}, {"email": "b"}, {"email_verified": True}], {"email": "b"}),
        (
            [{"email": "a", "email_verified": True}, {"email_verified": False}],
            {"email": "a", "email_verified": True},
        ),
        ([], {}),
    ],
)
def test_merges_claims(sources, merged):
    assert merge_claims(sources) == merged


@pytest.mark.parametrize("value", [True, "true", "True", "TRUE"])
def test_uin_08_true_is_read_in_each_spelling(value):
    assert is_true(value)


@pytest.mark.parametrize(
    "value",
    [
        *(False, "false", "False", "", " true", "1", 1, "yes", None, [True], {"is_admin": True}),
        b"true",
        # It ends in a Cyrillic letter.
        "truе",
    ],
)
def test_uin_06_other_values_are_false(value):
    assert not is_true(value)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (" Мария\u00a0Иванова\u3000", "Мария Иванова"),
        ("علی\u200cرضا", "علی\u200cرضا"),
        ("Роза \U0001f338", "Роза \U0001f338"),
        ("Ivan\u00ad \u200ePetrov\ufeff", "Ivan Petrov"),
        # Younger than Python 3.10.
        ("\U00031350", "\U00031350"),
        *((empty, None) for empty in ("", " \u00a0", "\u200c\u200d", "\u200e", 5, None, ["a"])),
        *((control, None) for control in ("a\0b", "a\nb", "a\u2028b", "\ud800")),
    ],
)
def test_text_of_a_claim(value, shown):
    assert text(value) == shown
