"""Accounts and sign-ins in the admin: to look at, and to end. No token is shown."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from .models import Account, SignIn
from .tokens.endings import end
from .tokens.engine import delete_session


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class EndingAdmin(ReadOnlyAdmin):
    """Whose rows take sign-ins with them: these are ended first, or the visitors would stay signed
    in until their tokens are due, and nobody would be told."""

    def sign_ins_of(self, queryset: QuerySet[Any]) -> QuerySet[SignIn]:
        raise NotImplementedError

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        _end_all(self.sign_ins_of(self.model._default_manager.filter(pk=obj.pk)))
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        _end_all(self.sign_ins_of(queryset))
        super().delete_queryset(request, queryset)


@admin.register(Account)
class AccountAdmin(EndingAdmin):
    list_display = ("sub", "user", "user_type", "is_admin", "created", "changed")
    list_select_related = ("user",)
    list_filter = ("user_type", "is_admin")
    search_fields = ("sub", "key")
    fields = ("user", "sub", "key", "issuer", "user_type", "is_admin", "created", "changed")

    def sign_ins_of(self, queryset: QuerySet[Account]) -> QuerySet[SignIn]:
        return SignIn.objects.filter(account__in=queryset.values("pk"))


@admin.register(SignIn)
class SignInAdmin(EndingAdmin):
    list_display = ("started", "account", "refreshed", "ended")
    list_select_related = ("account",)
    list_filter = ("started", ("account", admin.EmptyFieldListFilter))
    ordering = ("-started",)
    search_fields = ("account__sub",)
    fields = ("account", "generation", "started", "refreshed", "ended")
    actions = ("end_sign_ins",)

    def sign_ins_of(self, queryset: QuerySet[SignIn]) -> QuerySet[SignIn]:
        return queryset

    @admin.action(description=_("Sign these visitors out"), permissions=["delete"])
    def end_sign_ins(self, request: HttpRequest, queryset: QuerySet[SignIn]) -> None:
        _end_all(queryset)


def _end_all(sign_ins: QuerySet[SignIn]) -> None:
    for sign_in in sign_ins.filter(ended=None):
        delete_session(sign_in.session_key)
        end(sign_in, "ended_in_admin")
