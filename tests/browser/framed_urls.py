"""The pages of the site under test, its scripts and styles."""

from django.contrib.staticfiles.urls import staticfiles_urlpatterns
from django.urls import include, path

urlpatterns = [*staticfiles_urlpatterns(), path("", include("tests.urls"))]
