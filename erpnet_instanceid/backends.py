"""From verified claims to a Django user."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth.models import AbstractBaseUser, Group
from django.core.exceptions import FieldDoesNotExist
from django.db import IntegrityError, router, transaction
from django.http import HttpRequest

from .conf import NEVER_ALLOWED_USER_TYPE, conf
from .mozilla import AuthenticationBackend
from .oidc.access_token import access_token_claims, userinfo_claims
from .oidc.errors import SignInDenied
from .oidc.token_set import TokenSet
from .users.accounts import create_account, find_account, link_account
from .users.claims import Claims, account_key, email_address, is_true, merge_claims, text

__all__ = ["InstanceIDBackend"]

User = Any

MAX_NAME_CHARACTERS = 150
CREATE_ATTEMPTS = 4


class InstanceIDBackend(AuthenticationBackend):
    """Maps the claims of the Instance ID to Django users.

    A subclass may override what it could override in mozilla-django-oidc: ``verify_claims``,
    ``filter_users_by_claims``, ``create_user``, ``update_user``, ``get_username``,
    ``get_userinfo``.
    """

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> User | None:
        """The user of a sign-in whose tokens the callback has checked; None for anything else.

        Raises SignInDenied, and as `userinfo_claims` does where userinfo is needed: a visitor
        whose user type cannot be learnt now is not told that theirs is refused.
        """
        tokens = credentials.get("instance_tokens")
        id_token_claims = credentials.get("id_token_claims")
        if request is None or not isinstance(tokens, TokenSet) or id_token_claims is None:
            return None
        # Overridden methods look for it here, as in mozilla-django-oidc.
        self.request = request
        return self.get_or_create_user(tokens.access_token, tokens.id_token, id_token_claims)

    async def aauthenticate(self, request: HttpRequest | None, **credentials: Any) -> User | None:
        # The base of the base would try a password here.
        return await sync_to_async(self.authenticate)(request, **credentials)

    def get_user(self, user_id: Any) -> User | None:
        """The user of a session; None once they are inactive."""
        user = super().get_user(user_id)
        return user if user is not None and self.user_can_authenticate(user) else None

    def get_userinfo(self, access_token: str, id_token: str, payload: Claims) -> dict[str, Any]:
        """All that is known of the visitor, ``payload`` being the ID token's claims.

        Userinfo is asked only where neither token tells the user type.
        """
        client, subject = conf.client, payload["sub"]
        sources = [
            payload,
            access_token_claims(access_token, client=client, subject=subject, now=time.time()),
        ]
        if not any("user_type" in source for source in sources):
            told = userinfo_claims(access_token, client=client, subject=subject)
            # Who somebody is stands in a signed token or is their `sub`.
            sources.append({name: told[name] for name in told if name != "id"})
        return merge_claims(sources)

    def get_or_create_user(self, access_token: str, id_token: str, payload: Claims) -> User:
        told = self.get_userinfo(access_token, id_token, payload)
        # Who it is stands in the ID token, whatever an override makes of the rest.
        claims = {**told, "iss": payload["iss"], "sub": payload["sub"]}
        _check_user_type(claims)
        if not self.verify_claims(claims):
            raise SignInDenied("claims_refused", sub=claims["sub"])
        for _ in range(CREATE_ATTEMPTS):
            # Where somebody created the same user or account at this moment: look again.
            with suppress(IntegrityError):
                return self._find_or_create(claims)
        raise self._conflict(claims)

    def verify_claims(self, claims: Claims) -> bool:
        """Whether these claims are good enough. The user type has been looked at already."""
        return True

    def filter_users_by_claims(self, claims: Claims) -> Sequence[User]:
        """The users whom these claims belong to: the linked one, else whom LINK_USERS_BY names."""
        account = find_account(claims)
        if account is not None:
            # Passed on with the user, so that it is not looked for twice.
            user: User = account.user
            user.instance_account = account
            return [user]
        return self._users_to_link(claims)

    def get_username(self, claims: Claims) -> str:
        """``sub`` where it is free, else with the instance's host, else a name made of a hash."""
        longest = self._length(self.UserModel.USERNAME_FIELD)
        sub, issuer, (_, key) = claims["sub"], claims["iss"], account_key(claims)
        for name in (sub, f"{sub}@{conf.instance_host}"):
            if len(name) <= longest and self._is_free(name):
                return name
        digest = hashlib.sha256(f"{issuer}{key}".encode()).hexdigest()
        return f"instanceid-{digest[:16]}"

    def create_user(self, claims: Claims) -> User:
        """A new user, its profile filled from the claims."""
        user = self.UserModel._default_manager.create_user(
            **{self.UserModel.USERNAME_FIELD: self.get_username(claims)}
        )
        # Not `update_user`: where that is overridden, it is for users who were here before.
        return self._apply(user, claims)

    def update_user(self, user: User, claims: Claims) -> User:
        """The user with name, e-mail, flags and groups as the claims say, saved where changed."""
        return self._apply(user, claims)

    def _apply(self, user: User, claims: Claims) -> User:
        values = {**self._profile(claims), **self._flags(claims)}
        changed = [name for name, value in values.items() if getattr(user, name) != value]
        for name in changed:
            setattr(user, name, values[name])
        if changed:
            with transaction.atomic(using=self._database()):
                user.save(update_fields=changed)
        if conf.user_type_groups:
            _set_groups(user, claims["user_type"])
        return user

    def _find_or_create(self, claims: Claims) -> User:
        users = self.filter_users_by_claims(claims)
        if len(users) > 1:
            raise SignInDenied("several_users", sub=claims["sub"])
        if users:
            user = users[0]
            if not self.user_can_authenticate(user):
                raise SignInDenied("inactive_user", sub=claims["sub"])
            user = self._updated(user, claims)
            link_account(user, claims)
            return user
        if not conf.create_users:
            raise SignInDenied("unknown_user", sub=claims["sub"])
        with transaction.atomic(using=self._database()):
            user = self.create_user(claims)
            if user is None:
                raise SignInDenied("unknown_user", sub=claims["sub"])
            # Created, never taken over: an account that is there by now belongs to the user whom
            # another sign-in of this person has just made, and this one is to find that user.
            user.instance_account = create_account(user, claims)
        return user

    def _conflict(self, claims: Claims) -> SignInDenied:
        """Why no user could be made, as far as it can be told."""
        email, field = email_address(claims), self.UserModel.get_email_field_name()
        is_new = not self.filter_users_by_claims(claims)
        if is_new and email is not None and self._has_fields(field):
            others = self.UserModel._default_manager.filter(**{f"{field}__iexact": email})
            if others.exists():
                cure = "link that user by LINK_USERS_BY, or change their e-mail"
                return SignInDenied("email_taken", sub=claims["sub"], cure=cure)
        return SignInDenied("account_conflict", sub=claims["sub"])

    def _updated(self, user: User, claims: Claims) -> User:
        try:
            return self.update_user(user, claims)
        except IntegrityError:
            # A site's own unique e-mail is taken by another user. The sign-in does not depend on
            # it, and neither may the rest of what the claims say.
            without = {name: value for name, value in claims.items() if name != "email"}
            user.refresh_from_db()
            return self.update_user(user, without)

    def _users_to_link(self, claims: Claims) -> Sequence[User]:
        never_linked = self.UserModel._default_manager.filter(instance_accounts=None)
        if conf.link_users_by == "username":
            field, sub = self.UserModel.USERNAME_FIELD, claims["sub"]
            # The database may compare by a looser collation than a login name allows.
            found = never_linked.filter(**{field: sub})
            return [user for user in found if getattr(user, field) == sub]
        email = email_address(claims)
        if conf.link_users_by == "email" and email and is_true(claims.get("email_verified")):
            field = self.UserModel.get_email_field_name()
            return list(never_linked.filter(**{f"{field}__iexact": email})[:2])
        return []

    def _is_free(self, name: str) -> bool:
        if self.UserModel.normalize_username(name) != name:
            return False
        return not self.UserModel._default_manager.filter(
            **{self.UserModel.USERNAME_FIELD: name}
        ).exists()

    def _profile(self, claims: Claims) -> dict[str, str]:
        profile: dict[str, str] = {}
        name = text(claims.get("name"))
        if name is not None and self._has_fields("first_name", "last_name"):
            first, _, last = name.partition(" ")
            profile["first_name"] = first[: self._length("first_name")]
            profile["last_name"] = last[: self._length("last_name")]
        email = email_address(claims)
        email_field = self.UserModel.get_email_field_name()
        # Where the e-mail is the username, it is who they are here, and not theirs to change.
        is_name = email_field == self.UserModel.USERNAME_FIELD
        if email is not None and not is_name and self._has_fields(email_field):
            # Half an address would be another one.
            longest = self.UserModel._meta.get_field(email_field).max_length
            if longest is None or len(email) <= longest:
                profile[email_field] = email
        return profile

    def _flags(self, claims: Claims) -> dict[str, bool]:
        # A missing claim says nothing, and changes nothing.
        if "is_admin" not in claims:
            return {}
        is_admin = is_true(claims["is_admin"])
        # A site's own user model may do without them.
        return {flag: is_admin for flag in conf.admin_flags if self._has_fields(flag)}

    def _has_fields(self, *names: str) -> bool:
        try:
            return all(self.UserModel._meta.get_field(name) for name in names)
        except FieldDoesNotExist:
            return False

    def _database(self) -> str:
        return router.db_for_write(self.UserModel)

    def _length(self, name: str) -> int:
        field: Any = self.UserModel._meta.get_field(name)
        return int(field.max_length or MAX_NAME_CHARACTERS)


def _check_user_type(claims: Claims) -> None:
    user_type = claims.get("user_type")
    if not isinstance(user_type, str) or user_type == NEVER_ALLOWED_USER_TYPE:
        raise SignInDenied("user_type_refused", sub=claims["sub"], user_type=str(user_type)[:64])
    if user_type not in conf.allowed_user_types:
        raise SignInDenied("user_type_refused", sub=claims["sub"], user_type=user_type[:64])


def _set_groups(user: AbstractBaseUser, user_type: str) -> None:
    named = conf.user_type_groups
    managed = {name for names in named.values() for name in names}
    wanted = set(named.get(user_type, ()))
    present = set(user.groups.filter(name__in=managed).values_list("name", flat=True))  # type: ignore[attr-defined]
    for name in wanted - present:
        user.groups.add(Group.objects.get_or_create(name=name)[0])  # type: ignore[attr-defined]
    if present - wanted:
        user.groups.remove(*Group.objects.filter(name__in=present - wanted))  # type: ignore[attr-defined]
