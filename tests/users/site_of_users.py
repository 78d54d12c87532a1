"""Signs people in at a site whose user model is that of an app, on each of several databases.

    python -m tests.users.site_of_users tests.users.models.one_name < databases.json

Prints as JSON what became of each person. A process of its own: a site has one user model.
"""

import json
import logging
import os
import sys
import warnings
from urllib.parse import urlencode

import django
from django.conf import settings
from django.contrib.auth import get_user, get_user_model
from django.core.management import call_command
from django.db import connections
from django.http import HttpRequest
from django.test import Client
from django.test.utils import CaptureQueriesContext, override_settings

from erpnet_instanceid.testing import run_instance
from erpnet_instanceid.testing.pytest_plugin import bring_back

from ..storm.mariadb import use_pymysql

# The people who sign in, in this order: the login, and what is changed at the instance before.
STEPS = [
    ("maria", {"name": "Мария Иванова"}),
    ("admin", {"name": "Елена Петрова"}),
    ("rose", {"name": "Роза 🌸 Иванова"}),
    # A joiner, which the name is spelled with, and a no-break space.
    ("alireza", {"name": "علی‌رضا\u00a0احمدی"}),
    ("l" * 200, {"name": "Long Login"}),
    # A user model may take this name for the first person's, and may take no blank in a name.
    ("Maria", {"name": "Other Maria", "email": "other@company.example"}),
    ("ivan petrov", {"name": "Иван Петров", "email": "ivan@company.example"}),
    ("maria", {"name": "Мария 🌸 Петрова", "is_admin": True}),
]


# Each of the others is the first to some database: a dotless i, a long s, an accent, a wide letter.
LOCAL = "mike@sense.example"
LOOK_ALIKES = [
    "m\u0131ke@sense.example",
    "mike@\u017fense.example",
    "mike@sens\u00e9.example",
    "mike@\uff53ense.example",
]


class ChosenDatabase:
    """A router: everything is in the database that was chosen last."""

    alias = "default"

    def db_for_read(self, _model, **_hints):
        return type(self).alias

    db_for_write = db_for_read

    def allow_relation(self, _first, _second, **_hints):
        return True


def set_up(app, databases, instance):
    label = app.rpartition(".")[2]
    own = [] if app == "django.contrib.auth" else [app]
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    changed = {
        "ROOT_URLCONF": "tests.users.models.urls",
        "DATABASES": {"default": {}, **databases},
        "DATABASE_ROUTERS": [f"{__name__}.ChosenDatabase"],
        "AUTH_USER_MODEL": f"{label}.User",
        "INSTALLED_APPS": [
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            *own,
            "erpnet_instanceid",
        ],
        # Tables as the models say, without a migration for each of these apps.
        "MIGRATION_MODULES": dict.fromkeys(
            ("auth", "contenttypes", "sessions", "erpnet_instanceid", label)
        ),
        "AUTHENTICATION_BACKENDS": ["erpnet_instanceid.backends.InstanceIDBackend"],
        "LOGIN_REDIRECT_URL": "/whoami",
        "ERPNET_INSTANCEID": instance.settings(),
    }
    for name, value in changed.items():
        setattr(settings, name, value)
    django.setup()


def sign_in(instance, login):
    """The status of the callback, and the user of the visitor's next request."""
    client = Client(raise_request_exception=False)
    started = client.get("/signin?" + urlencode({"next": "/plain"}))
    response = bring_back(client, instance.answer_to(started["Location"], login), instance.url)
    request = HttpRequest()
    request.session = client.session
    return response.status_code, get_user(request)


def visit(instance, alias):
    ChosenDatabase.alias = alias
    call_command("migrate", database=alias, run_syncdb=True, verbosity=0)
    return {
        "people": [step(instance, alias, login, changes) for login, changes in STEPS],
        "unverified": unverified(instance),
        "linked": linked(instance),
        "deleted": deleted(instance),
    }


def step(instance, alias, login, changes):
    if login not in instance.people:
        instance.people.add(login, "", email=f"{login[:20]}@company.example")
    person = instance.people[login]
    for name, value in {"email_verified": True, "is_admin": login == "admin", **changes}.items():
        setattr(person, name, value)
    with CaptureQueriesContext(connections[alias]) as captured:
        status, user = sign_in(instance, login)
    statements = [query["sql"] for query in captured.captured_queries]
    return {
        "told": {"name": person.name, "email": person.email, "is_admin": person.is_admin},
        "status": status,
        "writes": list(filter(None, map(_write_of_a_user, statements))),
        "user": {field.name: getattr(user, field.name) for field in _fields(user)},
    }


def unverified(instance):
    """The status for somebody whose e-mail the instance has not verified."""
    instance.people.add("unverified", "No Proof", email="no-proof@company.example")
    return sign_in(instance, "unverified")[0]


def linked(instance):
    """The verified addresses by which a new person takes over the local user of LOCAL."""
    adopted = []
    settings = {**instance.settings(), "LINK_USERS_BY": "email"}
    model = get_user_model()
    email = model.get_email_field_name()
    for number, address in enumerate([*LOOK_ALIKES, LOCAL.upper()]):
        model._base_manager.filter(**{f"{email}__startswith": "mike"}).delete()
        local = model(**{model.USERNAME_FIELD: f"local{number}", email: LOCAL})
        local.set_unusable_password()
        local.save_base()
        instance.people.add(f"look{number}", "Look Alike", email=address, email_verified=True)
        with override_settings(ERPNET_INSTANCEID=settings):
            _, user = sign_in(instance, f"look{number}")
        if user.pk == local.pk:
            adopted.append(address)
    return adopted


def deleted(instance):
    """The status for somebody whose user the site's manager hides, where it hides any."""
    model = get_user_model()
    if hasattr(model, "is_deleted"):
        model._base_manager.update(is_deleted=True)
    return sign_in(instance, "maria")[0]


def _fields(user):
    return user._meta.concrete_fields if user.is_authenticated else []


def _write_of_a_user(statement):
    verb, _, rest = statement.replace("`", '"').partition(" ")
    table = get_user_model()._meta.db_table
    is_write = verb in ("INSERT", "UPDATE") and f'"{table}"' in rest
    # Django's own.
    return verb if is_write and 'SET "last_login"' not in rest else ""


def main():
    app, databases = sys.argv[1], json.load(sys.stdin)
    use_pymysql()
    warnings.simplefilter("ignore")
    logging.disable(logging.ERROR)
    with run_instance() as instance:
        set_up(app, databases, instance)
        results = {alias: visit(instance, alias) for alias in databases}
    sys.stdout.write(json.dumps(results, default=str))


if __name__ == "__main__":
    main()
