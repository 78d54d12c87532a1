"""The admin's app, with another site as ``admin.site``."""

from __future__ import annotations

from django.contrib.admin import apps


class InstanceAdminConfig(apps.AdminConfig):
    """Has the name of Django's own, so ``admin.site`` and each ``admin.py`` work as before."""

    default_site = "erpnet_instanceid.contrib.admin.sites.InstanceAdminSite"
