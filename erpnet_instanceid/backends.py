"""The authentication backend: from the claims of a sign-in to a Django user."""

from __future__ import annotations

import inspect
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth.backends import ModelBackend
from django.db import DatabaseError, IntegrityError, router, transaction
from django.http import HttpRequest

from .conf import conf
from .conflicts import tried_again
from .models import SignIn
from .mozilla import AuthenticationBackend
from .oidc.access_token import access_token_claims, userinfo_claims
from .oidc.errors import SignInDenied
from .oidc.token_set import TokenSet
from .users.accounts import Person, create_account, find_person, is_hidden, link
from .users.claims import Claims, email_address, merge_claims
from .users.linking import adopt, users_to_link
from .users.profile import (
    first_profile,
    free_name,
    has_fields,
    profile,
    set_groups,
    usernames,
)
from .users.refusals import constraint, is_about_a_value, says_taken
from .users.rights import check_user_type
from .users.saving import create, update

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

        Puts the person's account on ``sign_in``, the sign-in's row, where the caller gives one,
        even if the person is refused.
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

    # Django reads it at each sign-in, to see which backends take the credentials. Python would
    # build it anew each time.
    authenticate.__signature__ = inspect.signature(authenticate)  # type: ignore[attr-defined]

    async def aauthenticate(self, request: HttpRequest | None, **credentials: Any) -> User | None:
        # ModelBackend's own would try a password.
        return await sync_to_async(self.authenticate)(request, **credentials)

    def get_user(self, user_id: Any) -> User | None:
        """The user of a session; None for an inactive or a hidden one."""
        # mozilla-django-oidc's own takes any user that is called `objects`.
        return ModelBackend.get_user(self, user_id)

    def get_or_create_user(self, access_token: str, id_token: str, payload: Claims) -> User:
        known = self.get_userinfo(access_token, id_token, payload)
        # An override of get_userinfo does not decide who the visitor is: the ID token does.
        claims = {**known, "iss": payload["iss"], "sub": payload["sub"]}
        self._check(claims)
        person = self._person(claims)
        self.sign_in.account = person.account
        return person.user

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

    def _check(self, claims: Claims) -> None:
        try:
            check_user_type(claims)
            if not self.verify_claims(claims):
                raise SignInDenied("claims_refused", sub=claims["sub"])
        except SignInDenied:
            # Without a user type the instance has not said that the person may not enter.
            known = _known_or_none(claims) if "user_type" in claims else None
            # From the row, the caller learns which person's other sign-ins have to end.
            self.sign_in.account = known.account if known else None
            raise

    def _person(self, claims: Claims) -> Person:
        conflict = IntegrityError()
        for _ in range(CREATE_ATTEMPTS):
            try:
                return tried_again(partial(self._find_or_create, claims))
            except IntegrityError as error:
                # Another sign-in may have made the same user or account just now: look again.
                conflict = error
            except DatabaseError as error:
                if not is_about_a_value(error):
                    raise
                named = constraint(error)
                raise SignInDenied("user_not_saved", sub=claims["sub"], constraint=named) from error
        raise self._denied(claims, conflict) from conflict

    def _find_or_create(self, claims: Claims) -> Person:
        known = find_person(claims)
        # Looked up first: if another person takes one of them over now, `adopt` notices.
        local = users_to_link(self.UserModel, claims) if known is None else []
        users = self._users(claims, known, local)
        if len(users) > 1:
            raise SignInDenied("several_users", sub=claims["sub"])
        if users:
            return self._known(users[0], claims, known, is_local=users[0] in local)
        if not conf.create_users:
            raise SignInDenied("unknown_user", sub=claims["sub"])
        return self._created(claims)

    def _users(self, claims: Claims, known: Person | None, local: Sequence[User]) -> Sequence[User]:
        if type(self).filter_users_by_claims is not InstanceIDBackend.filter_users_by_claims:
            return self.filter_users_by_claims(claims)
        # The default would only look them up again.
        return local if known is None else [known.user]

    def filter_users_by_claims(self, claims: Claims) -> Sequence[User]:
        """The users of the person: the linked one, else those that LINK_USERS_BY finds."""
        known = find_person(claims)
        return [known.user] if known is not None else users_to_link(self.UserModel, claims)

    def _known(self, user: User, claims: Claims, known: Person | None, *, is_local: bool) -> Person:
        if not self.user_can_authenticate(user) or (known is not None and known.is_hidden):
            self.sign_in.account = known.account if known else None
            raise SignInDenied("inactive_user", sub=claims["sub"])
        if is_local:
            return self._adopted(user, claims)
        # First the link: another person's sign-in may have taken the account in the meantime.
        account = link(user, claims, known.account if known else None)
        return Person(self.update_user(user, claims), account)

    def _adopted(self, user: User, claims: Claims) -> Person:
        # If an override refuses the person, the user stays a local one.
        with transaction.atomic(using=router.db_for_write(self.UserModel)):
            account = adopt(user, claims)
            return Person(self.update_user(user, claims), account)

    def update_user(self, user: User, claims: Claims) -> User:
        """The user with name, e-mail, flags and groups as in the claims. Saves what changed."""
        update(user, profile(self.UserModel, claims, user))
        set_groups(user, claims)
        return user

    def _created(self, claims: Claims) -> Person:
        with transaction.atomic(using=router.db_for_write(self.UserModel)):
            user = self.create_user(claims)
            if user is None:
                raise SignInDenied("unknown_user", sub=claims["sub"])
            # Create, never update: if the account exists by now, a concurrent first sign-in made
            # it. The IntegrityError makes _person() look again and find that user.
            person = Person(user, create_account(user, claims))
        # After the commit: a site may make users who have to be approved first.
        if self.get_user(user.pk) is None and not self._is_on_its_way(user):
            raise SignInDenied("inactive_user", sub=claims["sub"])
        return person

    def _is_on_its_way(self, user: User) -> bool:
        # A replica may not have a new user yet.
        reads_elsewhere = router.db_for_read(self.UserModel) != user._state.db
        return reads_elsewhere and self.user_can_authenticate(user) and not is_hidden(user)

    def create_user(self, claims: Claims) -> User:
        """A new user, complete when it is first saved.

        Where the name from `get_username` is taken after all, the next one of the rule is tried.
        """
        names, first = usernames(self.UserModel, claims), self.get_username(claims)
        later = names[names.index(first) + 1 :] if first in names else []
        user = create(self.UserModel, [first, *later], first_profile(self.UserModel, claims))
        # Not `update_user`: an override of it expects a user who was here before.
        set_groups(user, claims)
        return user

    def get_username(self, claims: Claims) -> str:
        """``sub`` where it is free, else with the instance's host, else a name made of a hash.

        Where the e-mail is the username: the verified e-mail. Raises SignInDenied without one.
        """
        names = usernames(self.UserModel, claims)
        if not names:
            raise SignInDenied("email_missing", sub=claims["sub"])
        return free_name(self.UserModel, names, self.UserModel.USERNAME_FIELD)

    def _denied(self, claims: Claims, conflict: Exception) -> SignInDenied:
        """The refusal of a person for whom no user could be made, with the known reason."""
        sub, named = claims["sub"], constraint(conflict)
        if self._is_email_taken(claims):
            cure = "link that user by LINK_USERS_BY, or change their e-mail"
            return SignInDenied("email_taken", sub=sub, cure=cure, constraint=named)
        if not says_taken(conflict.__cause__) or self._lacks_email(claims, named):
            return SignInDenied("user_not_saved", sub=sub, constraint=named)
        return SignInDenied("account_conflict", sub=sub, constraint=named)

    def _lacks_email(self, claims: Claims, constraint: str) -> bool:
        # A unique e-mail column can hold only one user without an e-mail.
        is_about_email = self.UserModel.get_email_field_name() in constraint
        return is_about_email and email_address(claims) is None

    def _is_email_taken(self, claims: Claims) -> bool:
        email, field = email_address(claims), self.UserModel.get_email_field_name()
        if email is None or not has_fields(self.UserModel, field):
            return False
        if self.filter_users_by_claims(claims):
            return False
        # Also by a user whom the site's default manager hides.
        return bool(self.UserModel._base_manager.filter(**{f"{field}__iexact": email}).exists())


def _known_or_none(claims: Claims) -> Person | None:
    with suppress(SignInDenied):
        return find_person(claims)
    return None
