"""A small site that signs its visitors in through an ERP.net instance.

Everything that differs between machines comes from the environment; without any of it the site is
closed (no DEBUG, no SECRET_KEY). `manage.py demo` fills it in for you.
"""

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

DEBUG = os.environ.get("DJANGO_DEBUG") == "1"
SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY", "not a secret, fit for DEBUG" if DEBUG else "")
ALLOWED_HOSTS = os.environ.get("DJANGO_ALLOWED_HOSTS", "localhost,127.0.0.1").split(",")

INSTALLED_APPS = [
    "shop",
    # Django's own admin, with the instance as its way in.
    "erpnet_instanceid.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    # The instance answers in the visitor's language, error messages and printouts too.
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

# Signing in through the instance: these lines, and the include in urls.py.
INSTALLED_APPS += ["erpnet_instanceid"]
AUTHENTICATION_BACKENDS = [
    "erpnet_instanceid.backends.InstanceIDBackend",
    "django.contrib.auth.backends.ModelBackend",
]
MIDDLEWARE += ["erpnet_instanceid.middleware.TokenRefreshMiddleware"]
LOGIN_URL = "erpnet_instanceid:signin"
ERPNET_INSTANCEID = {
    "INSTANCE_URL": os.environ.get("ERPNET_INSTANCE_URL", ""),
    "APPLICATION_URI": os.environ.get("ERPNET_APPLICATION_URI", ""),
    "APPLICATION_SECRET": os.environ.get("ERPNET_APPLICATION_SECRET", ""),
    "SITE_NAME": "Corner & Oak",
    # Visitors may change customers; the nightly job only reads.
    "SCOPE": "openid profile offline_access read update",
    "SERVICE_SCOPE": "read",
}
# A sign-in and a sign-out that name no page end on the home page.
LOGIN_REDIRECT_URL = LOGOUT_REDIRECT_URL = "home"

# "Strict" works too: the visitor who comes back from the instance keeps their session either way.
SESSION_COOKIE_SAMESITE = os.environ.get("SESSION_COOKIE_SAMESITE", "Lax")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("DJANGO_DATABASE", BASE_DIR / "db.sqlite3"),
        # Two first sign-ins at once wait for each other instead of failing as "locked".
        "OPTIONS": {"transaction_mode": "IMMEDIATE"},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "shop.basket.basket",
            ]
        },
    }
]
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "static"
# By the browser's Accept-Language.
LANGUAGES = [("en", "English"), ("bg", "Български")]
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{levelname} {name}: {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {
        name: {"handlers": ["stderr"], "level": "INFO", "propagate": False}
        for name in ("django", "erpnet_instanceid")
    },
}
