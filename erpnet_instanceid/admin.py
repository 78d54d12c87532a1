"""Accounts and sign-ins in the admin: to look at, and to end. No token is shown."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from .models import Account, SignIn
from .refresh import end
from .session import end_session


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    list_display = ("sub", "user", "user_type", "is_admin", "created", "changed")
    list_select_related = ("user",)
    list_filter = ("user_type", "is_admin")
    search_fields = ("sub", "key")
    fields = ("user", "sub", "key", "issuer", "user_type", "is_admin", "created", "changed")


@admin.register(SignIn)
class SignInAdmin(ReadOnlyAdmin):
    list_display = ("id", "account", "started", "refreshed", "ended")
    list_select_related = ("account",)
    search_fields = ("account__sub",)
    fields = ("account", "generation", "started", "refreshed", "ended")
    actions = ("end_sign_ins",)

    @admin.action(description=_("Sign these visitors out"), permissions=["delete"])
    def end_sign_ins(self, request: HttpRequest, queryset: QuerySet[SignIn]) -> None:
        for sign_in in queryset.filter(ended=None):
            end_session(sign_in.session_key)
            end(sign_in, "ended_in_admin")
