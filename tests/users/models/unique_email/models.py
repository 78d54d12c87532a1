"""Django's user with an e-mail that nobody else has in any case, which its manager demands."""

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models
from django.db.models.functions import Lower


class People(UserManager["User"]):
    def create_user(self, username, email, first_name, last_name, password=None):
        if not email:
            raise ValueError("a user needs an e-mail address")
        return super().create_user(
            username, email, password, first_name=first_name, last_name=last_name
        )


class User(AbstractUser):
    email = models.EmailField(max_length=190)

    REQUIRED_FIELDS = ["email", "first_name", "last_name"]
    objects = People()

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="one_email_in_any_case")]
