"""mozilla-django-oidc's classes: where their settings come from, and what they may not do."""

import ast
import inspect

import mozilla_django_oidc.auth
import mozilla_django_oidc.views
import pytest
from django.core.exceptions import ImproperlyConfigured

from erpnet_instanceid.backends import InstanceIDBackend
from erpnet_instanceid.mozilla import NotUsed, oidc_setting
from erpnet_instanceid.views.callback import SignInCallbackView
from erpnet_instanceid.views.signin import SignInView
from erpnet_instanceid.views.signout import SignOutView

CLASSES = [InstanceIDBackend, SignInView, SignInCallbackView, SignOutView]
REFUSED = [
    (InstanceIDBackend, "verify_token"),
    (InstanceIDBackend, "get_payload_data"),
    (InstanceIDBackend, "_verify_jws"),
    (InstanceIDBackend, "retrieve_matching_jwk"),
    (InstanceIDBackend, "get_token"),
    (InstanceIDBackend, "raise_token_response_error"),
    (InstanceIDBackend, "store_tokens"),
    (SignInCallbackView, "login_success"),
    (SignInCallbackView, "login_failure"),
]
# They read a setting or a claim, and do nothing with them.
HARMLESS = {"describe_user_by_claims", "failure_url"}


@pytest.mark.parametrize(("kind", "name"), REFUSED)
def test_unsafe_method_raises_a_clear_error(kind, name):
    with pytest.raises(NotUsed, match=rf"{kind.__name__}\.{name}\(\) .* is not safe here: \w+"):
        getattr(kind(), name)("token", key="key", nonce="nonce")


@pytest.mark.parametrize("kind", CLASSES)
def test_no_other_method_is_inherited(kind):
    """A new version of the library brings no code that nobody here has looked at."""
    (base,) = [base for base in kind.__mro__ if base.__module__.startswith("mozilla_django_oidc.")]
    inherited = {
        name
        for name, value in vars(base).items()
        if (inspect.isroutine(value) or isinstance(value, property))
        and inspect.getattr_static(kind, name) is value
    }
    assert inherited <= HARMLESS


@pytest.mark.parametrize("kind", CLASSES)
def test_classes_read_the_one_dict(kind):
    assert kind.get_settings("OIDC_RP_CLIENT_ID") == "backend.example.com"


def asked_settings():
    """Each name that the library reads with get_settings(), and whether it gives a default."""
    for module in (mozilla_django_oidc.auth, mozilla_django_oidc.views):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if (
                isinstance(node, ast.Call)
                and getattr(node.func, "attr", "") == "get_settings"
                and isinstance(node.args[0], ast.Constant)
            ):
                yield str(node.args[0].value), len(node.args) > 1


def test_every_setting_has_an_answer(instance):
    asked = set(asked_settings())
    assert len(asked) > 20
    for name, has_default in asked:
        if has_default:
            oidc_setting(name, "default")
        elif name not in ("LOGIN_REDIRECT_URL", "LOGIN_REDIRECT_URL_FAILURE"):
            assert oidc_setting(name) is not None, name
    assert oidc_setting("OIDC_OP_TOKEN_ENDPOINT").startswith(instance.issuer)
    assert oidc_setting("OIDC_RP_CLIENT_SECRET") == instance.application_secret


@pytest.mark.parametrize(
    ("name", "unsafe"),
    [
        ("OIDC_VERIFY_SSL", False),
        ("OIDC_USE_NONCE", False),
        ("OIDC_USE_PKCE", False),
        ("OIDC_STORE_ACCESS_TOKEN", True),
        ("OIDC_ALLOW_UNSECURED_JWT", True),
        ("ALLOW_LOGOUT_GET_METHOD", True),
    ],
)
def test_unsafe_switch_of_a_site_has_no_effect(settings, name, unsafe):
    setattr(settings, name, unsafe)
    assert oidc_setting(name, not unsafe) is not unsafe


def test_unknown_name():
    assert oidc_setting("OIDC_NO_SUCH_THING", 5) == 5
    assert oidc_setting("LOGOUT_REDIRECT_URL", "/") is None
    with pytest.raises(ImproperlyConfigured, match="OIDC_NO_SUCH_THING"):
        oidc_setting("OIDC_NO_SUCH_THING")
