"""The authentication backend: from the claims of a sign-in to a Django user."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from asgiref.sync import sync_to_async
from django.db import IntegrityError, router, transaction
from django.http import HttpRequest

from .conf import NEVER_ALLOWED_USER_TYPE, conf
from .models import Account, SignIn
from .mozilla import AuthenticationBackend
from .oidc.access_token import access_token_claims, userinfo_claims
from .oidc.errors import SignInDenied
from .oidc.token_set import TokenSet
from .users.accounts import Person, create_account, find_account, link
from .users.claims import Claims, email_address, is_true, merge_claims
from .users.profile import has_fields, is_free, profile, set_groups, usernames

__all__ = ["InstanceIDBackend"]

User = Any

CREATE_ATTEMPTS = 4


class InstanceIDBackend(AuthenticationBackend):
    """Finds, creates and updates the Django user of a visitor who signs in at the instance.

    A subclass may override what it could override in mozilla-django-oidc: ``verify_claims``,
    ``filter_users_by_claims``, ``create_user``, ``update_user``, ``get_username``,
    ``get_userinfo``.
    """

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> User | None:
        """The user of a sign-in whose tokens the callback has checked; None for anything else.

        Puts the user's account on ``sign_in``, the sign-in's row, where the caller gives one.
        Raises SignInDenied. Also raises what `userinfo_claims` raises: a visitor whose user type
        cannot be fetched now must not be told that it is refused.
        """
        tokens = credentials.get("instance_tokens")
        id_token_claims = credentials.get("id_token_claims")
        if request is None or not isinstance(tokens, TokenSet) or id_token_claims is None:
            return None
        # Overridden methods look for the request here, as in mozilla-django-oidc. Django makes a
        # new backend for each sign-in.
        self.request = request
        self.sign_in: SignIn = credentials.get("sign_in") or SignIn()
        return self.get_or_create_user(tokens.access_token, tokens.id_token, id_token_claims)

    async def aauthenticate(self, request: HttpRequest | None, **credentials: Any) -> User | None:
        # ModelBackend's own would try a password.
        return await sync_to_async(self.authenticate)(request, **credentials)

    def get_user(self, user_id: Any) -> User | None:
        """The user of a session; None for an inactive user."""
        user = super().get_user(user_id)
        return user if user is not None and self.user_can_authenticate(user) else None

    def get_or_create_user(self, access_token: str, id_token: str, payload: Claims) -> User:
        known = self.get_userinfo(access_token, id_token, payload)
        # An override of get_userinfo does not decide who the visitor is: the ID token does.
        claims = {**known, "iss": payload["iss"], "sub": payload["sub"]}
        _check_user_type(claims)
        if not self.verify_claims(claims):
            raise SignInDenied("claims_refused", sub=claims["sub"])
        for _ in range(CREATE_ATTEMPTS):
            # Another sign-in may have made the same user or account just now: look again.
            with suppress(IntegrityError):
                person = self._find_or_create(claims)
                self.sign_in.account = person.account
                return person.user
        raise self._conflict(claims)

    def get_userinfo(self, access_token: str, id_token: str, payload: Claims) -> dict[str, Any]:
        """All known claims about the visitor. ``payload`` holds the ID token's claims.

        Asks userinfo only where neither token has the user type.
        """
        client, subject = conf.client, payload["sub"]
        sources = [
            payload,
            access_token_claims(access_token, client=client, subject=subject, now=time.time()),
        ]
        if not any("user_type" in source for source in sources):
            userinfo = userinfo_claims(access_token, client=client, subject=subject)
            # Userinfo is not signed: never take `id`, which selects the account, from it.
            sources.append({name: userinfo[name] for name in userinfo if name != "id"})
        return merge_claims(sources)

    def verify_claims(self, claims: Claims) -> bool:
        """Whether these claims let the visitor in. Their user type is allowed already."""
        return True

    def _find_or_create(self, claims: Claims) -> Person:
        account = find_account(claims)
        users = self._users(claims, account)
        if len(users) > 1:
            raise SignInDenied("several_users", sub=claims["sub"])
        if users:
            return self._known(users[0], claims, account)
        if not conf.create_users:
            raise SignInDenied("unknown_user", sub=claims["sub"])
        return self._created(claims)

    def _users(self, claims: Claims, account: Account | None) -> Sequence[User]:
        is_overridden = (
            type(self).filter_users_by_claims is not InstanceIDBackend.filter_users_by_claims
        )
        if account is None or is_overridden:
            return self.filter_users_by_claims(claims)
        # The default would only look the account up again.
        return [account.user]

    def filter_users_by_claims(self, claims: Claims) -> Sequence[User]:
        """The users of the person: the linked one, else those that LINK_USERS_BY finds."""
        account = find_account(claims)
        return [account.user] if account is not None else self._users_to_link(claims)

    def _users_to_link(self, claims: Claims) -> Sequence[User]:
        never_linked = self.UserModel._default_manager.filter(instance_accounts=None)
        if conf.link_users_by == "username":
            field, sub = self.UserModel.USERNAME_FIELD, claims["sub"]
            # The database may ignore case or accents; a login name does not.
            found = never_linked.filter(**{field: sub})
            return [user for user in found if getattr(user, field) == sub]
        email = email_address(claims)
        if conf.link_users_by == "email" and email and is_true(claims.get("email_verified")):
            field = self.UserModel.get_email_field_name()
            return list(never_linked.filter(**{f"{field}__iexact": email})[:2])
        return []

    def _known(self, user: User, claims: Claims, account: Account | None) -> Person:
        if not self.user_can_authenticate(user):
            raise SignInDenied("inactive_user", sub=claims["sub"])
        user = self._updated(user, claims)
        return Person(user, link(user, claims, account))

    def _updated(self, user: User, claims: Claims) -> User:
        try:
            return self.update_user(user, claims)
        except IntegrityError:
            # The site demands unique e-mails, and another user has this one. The sign-in and the
            # other claims do not depend on it.
            without = {name: value for name, value in claims.items() if name != "email"}
            user.refresh_from_db()
            return self.update_user(user, without)

    def update_user(self, user: User, claims: Claims) -> User:
        """The user with name, e-mail, flags and groups as in the claims. Saves what changed."""
        return self._apply(user, claims)

    def _created(self, claims: Claims) -> Person:
        with transaction.atomic(using=self._database()):
            user = self.create_user(claims)
            if user is None:
                raise SignInDenied("unknown_user", sub=claims["sub"])
            # Create, never update: if the account exists by now, a concurrent first sign-in made
            # it. The IntegrityError makes get_or_create_user() look again and find that user.
            return Person(user, create_account(user, claims))

    def create_user(self, claims: Claims) -> User:
        """A new user, its profile filled from the claims."""
        user = self.UserModel._default_manager.create_user(
            **{self.UserModel.USERNAME_FIELD: self.get_username(claims)}
        )
        # Not `update_user`: an override of it expects a user who was here before.
        return self._apply(user, claims)

    def get_username(self, claims: Claims) -> str:
        """``sub`` where it is free, else with the instance's host, else a name made of a hash."""
        *preferred, unique = usernames(claims)
        return next((name for name in preferred if is_free(self.UserModel, name)), unique)

    def _apply(self, user: User, claims: Claims) -> User:
        values = profile(self.UserModel, claims)
        changed = [name for name, value in values.items() if getattr(user, name) != value]
        for name in changed:
            setattr(user, name, values[name])
        if changed:
            with transaction.atomic(using=self._database()):
                user.save(update_fields=changed)
        if conf.user_type_groups:
            set_groups(user, claims["user_type"])
        return user

    def _conflict(self, claims: Claims) -> SignInDenied:
        """The refusal of a person for whom no user could be made, with the known reason."""
        email, field = email_address(claims), self.UserModel.get_email_field_name()
        is_new = not self.filter_users_by_claims(claims)
        if is_new and email is not None and has_fields(self.UserModel, field):
            others = self.UserModel._default_manager.filter(**{f"{field}__iexact": email})
            if others.exists():
                cure = "link that user by LINK_USERS_BY, or change their e-mail"
                return SignInDenied("email_taken", sub=claims["sub"], cure=cure)
        return SignInDenied("account_conflict", sub=claims["sub"])

    def _database(self) -> str:
        return router.db_for_write(self.UserModel)


def _check_user_type(claims: Claims) -> None:
    user_type = claims.get("user_type")
    if not isinstance(user_type, str) or user_type == NEVER_ALLOWED_USER_TYPE:
        raise SignInDenied("user_type_refused", sub=claims["sub"], user_type=str(user_type)[:64])
    if user_type not in conf.allowed_user_types:
        raise SignInDenied("user_type_refused", sub=claims["sub"], user_type=user_type[:64])
