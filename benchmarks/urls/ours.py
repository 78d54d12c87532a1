from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("", include("benchmarks.urls.done")),
    path("", include("erpnet_instanceid.urls")),
]
