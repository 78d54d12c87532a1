"""The addresses of a site that has nothing but this app."""

from django.urls import include, path

urlpatterns = [path("", include("erpnet_instanceid.urls"))]
