"""Django's user without a username: the e-mail is in its place."""

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models


class People(BaseUserManager["User"]):
    def create_user(self, email, password=None, **fields):
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractUser):
    username = None
    email = models.EmailField(max_length=190, unique=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = []
    objects = People()
