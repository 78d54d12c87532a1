"""The admin site that people enter and leave through the instance."""

from __future__ import annotations

from functools import wraps
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from ...pages.targets import requested_target, signin_address

__all__ = ["InstanceAdminSite"]


class InstanceAdminSite(AdminSite):
    """Sends a stranger to sign in at the instance. A signed-in visitor who may not use the admin
    gets a 403: the instance would send the same person straight back."""

    # For local superusers, at an address of the site's choice.
    login_with_password = AdminSite.login

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        if view == self.logout:
            # Also for a person who was an administrator until now.
            return view
        inner = super().admin_view(view, cacheable)

        @wraps(inner)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            self._refuse_signed_in(request)
            return inner(request, *args, **kwargs)

        return checked

    @method_decorator(never_cache)
    @login_not_required
    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The way to the instance and back. It shows no form."""
        self._refuse_signed_in(request)
        target = requested_target(request) or reverse("admin:index", current_app=self.name)
        return redirect(signin_address(target))

    def logout(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """The app's own sign-out, which ends the session at the instance too."""
        return redirect("erpnet_instanceid:signout", preserve_request=True)

    def _refuse_signed_in(self, request: HttpRequest) -> None:
        if request.user.is_authenticated and not self.has_permission(request):
            raise PermissionDenied(_("The admin pages are for administrators."))
