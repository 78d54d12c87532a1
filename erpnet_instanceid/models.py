"""The people who signed in (Account), and each of their sign-ins (SignIn).

The row of a sign-in decides which request may spend its refresh token.
"""

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from django.conf import settings
from django.db import models, router
from django.db.models import Index, UniqueConstraint
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from . import records
from .conflicts import tried_again
from .oidc.token_set import TokenSet


def fingerprint(issuer: str, kind: str, key: str) -> str:
    """The hash by which an account is found. The database's collation has no say in it.

    ``kind`` keeps an ``id`` apart from a ``sub`` that is spelled like it.
    """
    return hashlib.sha256("\0".join((issuer, kind, key)).encode()).hexdigest()


M = TypeVar("M", bound=models.Model)


class DecidingManager(models.Manager[M]):
    """Reads from the database that it writes to: a replica may not know a new sign-in yet."""

    def get_queryset(self) -> models.QuerySet[M]:
        return super().get_queryset().using(self._db or router.db_for_write(self.model))


class SignInQuerySet(models.QuerySet["SignIn"]):
    def open(self, pk: uuid.UUID | str) -> SignIn | None:
        """The sign-in with its account and user, None where it has ended or never was."""
        return self.select_related("account__user").filter(pk=pk, ended=None).first()

    def on_session(self, session_key: str) -> SignIn | None:
        """The sign-in on the Django session with this key, None where it has no sign-in."""
        found = self.select_related("account__user").filter(session_key=session_key, ended=None)
        # The database may ignore case; a session's key does not.
        return next((each for each in found if each.session_key == session_key), None)


class Account(models.Model):
    """A person at one instance, and the Django user of that person."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="instance_accounts",
        verbose_name=_("user"),
    )
    # The same user, where the person took over a local one. Of several people at the same moment,
    # only one can insert it.
    adopted = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="+",
        null=True,
        editable=False,
    )
    fingerprint = models.CharField(max_length=64, editable=False)
    issuer = models.CharField(_("issuer"), max_length=255)
    key = models.CharField(_("instance user id"), max_length=255)
    sub = models.CharField(_("login name"), max_length=255)
    user_type = models.CharField(_("user type"), max_length=64, blank=True)
    is_admin = models.BooleanField(_("instance administrator"), default=False)
    created = models.DateTimeField(_("first signed in"), default=timezone.now, editable=False)
    changed = models.DateTimeField(_("last changed"), default=timezone.now, editable=False)

    objects = DecidingManager["Account"]()

    class Meta:
        verbose_name = _("instance account")
        verbose_name_plural = _("instance accounts")
        # Not on the fields: PostgreSQL would get a second index for each, for LIKE.
        constraints = [
            UniqueConstraint(fields=["fingerprint"], name="instanceid_account_of_person")
        ]
        indexes = [Index(fields=["sub"], name="instanceid_account_sub")]

    def __str__(self) -> str:
        return self.sub


class SignIn(models.Model):
    """One sign-in, from its callback to its end. It ``started`` before, at its first page.

    ``generation`` counts the token sets. The request that holds the lease may spend the refresh
    token; it takes the lease by a conditional update. It stores the new tokens here before
    anything uses them.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # The whole hash of the attempt's state; the reference that pages and the log show is its
    # beginning. Of two identical callbacks, only one can insert it.
    attempt = models.CharField(max_length=64, editable=False)
    account = models.ForeignKey(
        # The index on both below serves as well.
        Account,
        on_delete=models.CASCADE,
        null=True,
        related_name="sign_ins",
        db_index=False,
    )
    sid = models.CharField(max_length=255, blank=True)
    # The keys of Django's own engines have 32 characters; a site's engine may make longer ones.
    session_key = models.CharField(max_length=255, blank=True)
    # Unix seconds by the instance's clock, to be compared with its later notices.
    issued_at = models.BigIntegerField(null=True, editable=False)
    generation = models.PositiveIntegerField(default=0)
    tokens = models.TextField(blank=True, editable=False)
    leased_until = models.DateTimeField(null=True, editable=False)
    failures = models.PositiveSmallIntegerField(default=0, editable=False)
    retry_at = models.DateTimeField(null=True, editable=False)
    started = models.DateTimeField(_("started"), default=timezone.now, editable=False)
    # When the instance last gave tokens for it; the sign-in itself counts as well.
    refreshed = models.DateTimeField(_("refreshed"), null=True, editable=False)
    ended = models.DateTimeField(_("ended"), null=True, editable=False)

    # The database's time when `lease.load` read the row.
    read_at: datetime

    objects = DecidingManager.from_queryset(SignInQuerySet)()

    class Meta:
        verbose_name = _("sign-in")
        verbose_name_plural = _("sign-ins")
        constraints = [UniqueConstraint(fields=["attempt"], name="instanceid_signin_attempt")]
        indexes = [
            Index(fields=["account", "started"], name="instanceid_signin_account"),
            Index(fields=["sid"], name="instanceid_signin_sid"),
            Index(fields=["session_key"], name="instanceid_signin_session"),
            Index(fields=["refreshed"], name="instanceid_signin_refreshed"),
            Index(fields=["ended"], name="instanceid_signin_ended"),
        ]

    def __str__(self) -> str:
        if self.account is None:
            return str(self.id)
        started = self.started
        if timezone.is_aware(started):
            started = timezone.localtime(started)
        return f"{self.account}, {date_format(started, 'SHORT_DATETIME_FORMAT')}"

    def __repr__(self) -> str:
        return f"<SignIn {self.id} generation={self.generation}>"

    def api(self) -> Any:
        """A `requests.Session` that calls the instance as the person of this sign-in.

        The same as `erpnet_instanceid.api.sign_in_api`.
        """
        # The API imports this module, so this module can only look the API up when it is called.
        return import_string("erpnet_instanceid.api.sign_in_api")(self)

    def change(self, values: dict[str, Any], *where: models.Q, **only_where: Any) -> bool:
        """Sets ``values`` on the row, and then on this object.

        Returns False, and changes nothing, where the sign-in has ended or ``where`` and
        ``only_where`` do not hold.
        """
        rows = SignIn.objects.filter(*where, pk=self.pk, ended=None, **only_where)
        changed = bool(tried_again(partial(rows.update, **values)))
        if changed:
            for name, value in values.items():
                setattr(self, name, value)
        return changed

    def token_set(self) -> TokenSet | None:
        """The tokens of the row, None where it has none or SECRET_KEY has changed since."""
        return records.unseal(TokenSet, "tokens", self.tokens)


class Notice(models.Model):
    """A sign-out notice of the instance, kept while a sign-in that it names may be under way.

    ``jti``, ``named`` and ``sub`` are hashes. ``named`` is of the ``sid``, or of the ``sub`` where
    the notice has no ``sid``. ``issued_at`` is by the instance's clock, in Unix seconds.
    """

    jti = models.CharField(max_length=64)
    named = models.CharField(max_length=64)
    sub = models.CharField(max_length=64, blank=True)
    issued_at = models.BigIntegerField()
    received = models.DateTimeField(default=timezone.now)

    objects = DecidingManager["Notice"]()

    class Meta:
        constraints = [UniqueConstraint(fields=["jti"], name="instanceid_notice_jti")]
        indexes = [
            Index(fields=["named"], name="instanceid_notice_named"),
            Index(fields=["received"], name="instanceid_notice_received"),
        ]

    def __str__(self) -> str:
        return str(self.received)


def sealed_tokens(tokens: TokenSet) -> str:
    """``tokens`` as the row stores them: encrypted."""
    return records.seal("tokens", tokens)
