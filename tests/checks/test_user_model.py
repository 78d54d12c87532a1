"""The checks that ask whether the app can create users of the site's user model."""

import pytest
from django.contrib.auth.models import AbstractBaseUser, AbstractUser, BaseUserManager
from django.db import models
from django.test.utils import isolate_apps, override_settings

from erpnet_instanceid.backends import InstanceIDBackend
from erpnet_instanceid.checks import of_user_model
from erpnet_instanceid.checks.of_user_model import check_user_model


class CreatesUsersItself(InstanceIDBackend):
    def create_user(self, claims):
        return None


class WithTenant(BaseUserManager):
    def create_user(self, login, tenant, password=None):
        """Not called here."""


with isolate_apps("tests"):

    class Demanding(AbstractBaseUser):
        login = models.CharField(max_length=30)
        born = models.DateField()
        phone = models.CharField(max_length=30)
        joined = models.DateField(auto_now_add=True)
        nickname = models.CharField(max_length=30)

        USERNAME_FIELD = "login"
        REQUIRED_FIELDS = ["phone"]
        objects = WithTenant()

        class Meta:
            app_label = "tests"

    class Easy(AbstractUser):
        born = models.DateField(null=True)
        locale = models.CharField(max_length=5)

        REQUIRED_FIELDS = ["email", "first_name", "last_name", "born", "locale"]

        class Meta:
            app_label = "tests"

    class Numbered(AbstractBaseUser):
        number = models.BigIntegerField(unique=True)

        USERNAME_FIELD = "number"

        class Meta:
            app_label = "tests"


@pytest.fixture
def user_model(monkeypatch):
    return lambda model: monkeypatch.setattr(of_user_model, "get_user_model", lambda: model)


def test_w012_names_fields_that_no_claim_fills(user_model, settings):
    user_model(Demanding)
    (found,) = check_user_model()
    assert found.id == "erpnet_instanceid.W012"
    assert "born, phone, tenant" in found.msg
    assert "create_user()" in str(found.hint)

    with override_settings(AUTHENTICATION_BACKENDS=[f"{__name__}.CreatesUsersItself"]):
        assert list(check_user_model()) == []
    settings.ERPNET_INSTANCEID = {**settings.ERPNET_INSTANCEID, "CREATE_USERS": False}
    assert list(check_user_model()) == []


def test_w012_is_silent_for_fields_that_claims_fill(user_model):
    user_model(Easy)
    assert list(check_user_model()) == []


def test_w012_a_number_holds_no_name(user_model):
    user_model(Numbered)
    (found,) = check_user_model()
    assert "demands number" in found.msg


@pytest.mark.parametrize(
    ("name", "value", "id_"),
    [
        ("USER_TYPE_GROUPS", {"InternalUser": ["employees"]}, "E027"),
        ("LINK_USERS_BY", "email", "E036"),
    ],
)
def test_setting_needs_a_field_of_the_user_model(user_model, settings, name, value, id_):
    settings.ERPNET_INSTANCEID = {**settings.ERPNET_INSTANCEID, name: value}
    assert list(check_user_model()) == []

    user_model(Demanding)
    assert f"erpnet_instanceid.{id_}" in [found.id for found in check_user_model()]
