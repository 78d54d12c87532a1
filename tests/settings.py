"""The site under test: the contract of the README, and nothing else."""

import json
import os
import tempfile
from pathlib import Path

SECRET_KEY = "tests only: not a secret, but long enough for a key of every purpose"
DEBUG = False
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "testserver", "rp.test"]
USE_TZ = True
ROOT_URLCONF = "tests.urls"
STATIC_URL = "static/"
LANGUAGES = [("en", "English"), ("bg", "Български")]

INSTALLED_APPS = [
    "erpnet_instanceid.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "erpnet_instanceid",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "erpnet_instanceid.middleware.TokenRefreshMiddleware",
]
AUTHENTICATION_BACKENDS = [
    "erpnet_instanceid.backends.InstanceIDBackend",
    "django.contrib.auth.backends.ModelBackend",
]
LOGIN_URL = "erpnet_instanceid:signin"
LOGIN_REDIRECT_URL = "/"
# A proxy's word, which the tests give where they play an https site.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

ERPNET_INSTANCEID = {
    "INSTANCE_URL": "https://op.test",
    "APPLICATION_URI": "backend.example.com",
    "APPLICATION_SECRET": "tests only",
}

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

_files = Path(os.environ.get("TESTS_DIRECTORY") or tempfile.gettempdir())
if os.environ.get("TESTS_DATABASE") == "postgresql":
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": os.environ.get("PGDATABASE", "postgres"),
            "USER": os.environ.get("PGUSER", "postgres"),
            "HOST": os.environ.get("PGHOST", "127.0.0.1"),
            "PORT": os.environ.get("PGPORT", "5432"),
        }
    }
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": _files / f"erpnet_instanceid_{os.getpid()}.sqlite3",
            "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20},
            # A file: several threads and connections work on it, as on a site.
            "TEST": {"NAME": _files / f"test_erpnet_instanceid_{os.getpid()}.sqlite3"},
        }
    }
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# The storm gives its server processes settings by name, as JSON.
globals().update(json.loads(os.environ.get("TESTS_SETTINGS", "{}")))
