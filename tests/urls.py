"""The pages of the site under test."""

from django.contrib import admin
from django.urls import include, path

from . import views

urlpatterns = [
    path("", include("erpnet_instanceid.urls")),
    path("", views.home, name="home"),
    path("whoami", views.whoami),
    path("age", views.age),
    path("private", views.private),
    path("permitted", views.permitted),
    path("basket", views.basket),
    path("customers", views.customers),
    path("plain", views.plain),
    path("button", views.button),
    path("api", views.api),
    path("slow", views.slow),
    path("fails", views.fails),
    path("cycle", views.cycle),
    path("terms", views.terms),
    path("api-in-atomic", views.api_in_atomic),
    path("async/whoami", views.async_whoami),
    path("async/identity", views.async_identity),
    path("async/api", views.async_api),
    path("admin/password/", admin.site.login_with_password),
    path("admin/", admin.site.urls),
]
