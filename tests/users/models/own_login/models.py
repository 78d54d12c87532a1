"""A user with a short login, no password, a check at each save, and no deletion for good."""

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.db import models
from django.db.models.functions import Lower


class People(BaseUserManager["User"]):
    def get_queryset(self):
        return super().get_queryset().filter(is_deleted=False)


class User(AbstractBaseUser, PermissionsMixin):
    # Everybody comes through the instance.
    password = None
    login = models.CharField(max_length=30, unique=True, validators=[UnicodeUsernameValidator()])
    name = models.CharField(max_length=60)
    mail = models.EmailField(blank=True)
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    is_deleted = models.BooleanField(default=False)

    USERNAME_FIELD = "login"
    EMAIL_FIELD = "mail"
    REQUIRED_FIELDS = ["name"]
    objects = People()

    class Meta:
        constraints = [models.UniqueConstraint(Lower("login"), name="one_login_in_any_case")]

    def save(self, *args, **kwargs):
        self.full_clean()
        super().save(*args, **kwargs)
