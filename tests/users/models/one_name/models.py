"""As cookiecutter-django makes it: one name, and the e-mail as the username."""

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models


class People(BaseUserManager["User"]):
    def _create_user(self, email, password, **fields):
        if not email:
            raise ValueError("The given email must be set")
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_user(self, email, password=None, **fields):
        fields.setdefault("is_staff", False)
        fields.setdefault("is_superuser", False)
        return self._create_user(email, password, **fields)


class User(AbstractUser):
    name = models.CharField(blank=True, max_length=255)
    first_name = None
    last_name = None
    email = models.EmailField(max_length=190, unique=True)
    username = None

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = []
    objects = People()
