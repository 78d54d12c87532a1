"""The app's addresses. ``path("", include("erpnet_instanceid.urls"))`` puts them on a site."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.db import connections, transaction
from django.urls import URLPattern, path

from .pages.targets import APP_NAME
from .views.callback import SignInCallbackView
from .views.framed import PopupView, RedeemView
from .views.notices import BackChannelSignOutView, FrontChannelSignOutView
from .views.resume import ResumeView
from .views.signin import InitiateSignInView, SignInView
from .views.signout import SignOutCallbackView, SignOutView

app_name = APP_NAME


def _both(route: str, view_class: Callable[..., Any], name: str) -> list[URLPattern]:
    # Django's LoginRequiredMiddleware would send the visitor from sign-in to sign-in.
    view = login_not_required(view_class.as_view())  # type: ignore[attr-defined]
    # With ATOMIC_REQUESTS the site's transaction would stay open for as long as the instance takes
    # to answer, and undo what has to stay: the row that claims an attempt, the end of a sign-in.
    for alias in connections:
        view = transaction.non_atomic_requests(using=alias)(view)
    # The instance compares addresses character by character, and its guide shows both.
    return [path(route, view, name=name), path(f"{route}/", view)]


urlpatterns = [
    *_both("signin", SignInView, "signin"),
    *_both("signin-callback", SignInCallbackView, "signin_callback"),
    *_both("signin-resume", ResumeView, "signin_resume"),
    *_both("signin-popup", PopupView, "signin_popup"),
    *_both("signin-frame", RedeemView, "signin_frame"),
    *_both("signout", SignOutView, "signout"),
    *_both("signout-callback", SignOutCallbackView, "signout_callback"),
    *_both("backchannel-signout", BackChannelSignOutView, "backchannel_signout"),
    *_both("frontchannel-signout", FrontChannelSignOutView, "frontchannel_signout"),
    *_both("initiate-signin", InitiateSignInView, "initiate_signin"),
]
