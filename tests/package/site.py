"""A whole site in one file, of Django and the wheel alone."""

import os
import sys
from pathlib import Path

import django
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.management import call_command
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import include, path

HERE = Path(sys.argv[1])

settings.configure(
    SECRET_KEY="a site of one file, for one test, on loopback only",
    DEBUG=True,
    ALLOWED_HOSTS=["localhost"],
    ROOT_URLCONF=__name__,
    STATIC_URL="static/",
    USE_I18N=True,
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": HERE / "site.sqlite3",
            "OPTIONS": {"transaction_mode": "IMMEDIATE"},
        }
    },
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.staticfiles",
        "erpnet_instanceid",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.locale.LocaleMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "erpnet_instanceid.middleware.TokenRefreshMiddleware",
    ],
    AUTHENTICATION_BACKENDS=["erpnet_instanceid.backends.InstanceIDBackend"],
    LOGIN_URL="erpnet_instanceid:signin",
    ERPNET_INSTANCEID={
        key: os.environ[key] for key in ("INSTANCE_URL", "APPLICATION_URI", "APPLICATION_SECRET")
    },
)
django.setup()


@login_required
def home(request):
    return HttpResponse(f"hello {request.user.get_username()}")


urlpatterns = [path("", include("erpnet_instanceid.urls")), path("", home)]


if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    server = ThreadedWSGIServer(("localhost", 0), WSGIRequestHandler)
    server.set_app(StaticFilesHandler(get_wsgi_application()))
    print(server.server_port, flush=True)
    server.serve_forever()
