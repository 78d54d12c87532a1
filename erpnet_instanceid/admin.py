"""Accounts and sign-ins in Django's admin, to look at and to end. No page shows a token."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from .models import Account, SignIn
from .tokens.endings import end
from .tokens.engine import delete_session


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Shows rows that nobody adds or changes by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class EndingAdmin(ReadOnlyAdmin):
    """Ends the sign-ins of a row before it deletes the row.

    Without that the visitors would stay signed in until their tokens expire, and no signal would
    be sent.
    """

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


class StateFilter(admin.SimpleListFilter):
    """Tells sign-ins that go on from those that are over."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("open", _("still signed in")), ("over", _("over"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return queryset
        return queryset.filter(ended__isnull=self.value() == "open")


@admin.register(SignIn)
class SignInAdmin(EndingAdmin):
    list_display = ("person", "started", "last_renewed", "ended")
    list_select_related = ("account",)
    list_filter = ("started", StateFilter)
    ordering = ("-started",)
    search_fields = ("account__sub",)
    fields = readonly_fields = ("person", "started", "last_renewed", "renewals", "ended")
    actions = ("end_sign_ins",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[SignIn]:
        # Without an account it is the attempt of a visitor who is not signed in yet.
        return super().get_queryset(request).filter(account__isnull=False)

    @admin.display(description=_("person"), ordering="account__sub")
    def person(self, sign_in: SignIn) -> str:
        return str(sign_in.account)

    @admin.display(description=_("last renewed"), ordering="refreshed")
    def last_renewed(self, sign_in: SignIn) -> datetime | None:
        return sign_in.refreshed

    @admin.display(description=_("times renewed"))
    def renewals(self, sign_in: SignIn) -> int:
        # The sign-in itself brought generation 1.
        return max(sign_in.generation - 1, 0)

    def sign_ins_of(self, queryset: QuerySet[SignIn]) -> QuerySet[SignIn]:
        return queryset

    @admin.action(description=_("Sign these visitors out"), permissions=["delete"])
    def end_sign_ins(self, request: HttpRequest, queryset: QuerySet[SignIn]) -> None:
        _end_all(queryset)


def _end_all(sign_ins: QuerySet[SignIn]) -> None:
    for sign_in in sign_ins.filter(ended=None):
        delete_session(sign_in.session_key)
        end(sign_in, "ended_in_admin")
