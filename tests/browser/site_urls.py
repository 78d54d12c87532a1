"""The example site's pages, and a page for hardly anybody."""

from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpResponse
from django.urls import include, path
from django.views.defaults import page_not_found


@permission_required("erpnet_instanceid.view_signin")
def secret(request):
    return HttpResponse("<h1>Secret</h1>")


urlpatterns = [
    path("secret/", secret),
    # With DEBUG, Django has a page of its own.
    path("not-found/", page_not_found, {"exception": Http404()}),
    path("", include("shop.urls")),
]
