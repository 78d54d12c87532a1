"""The stand-in instance that a test holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from joserfc.jwk import RSAKey
from requests import Session as HTTPSession

from .visitor import AuthorizationAnswer, visit
from .world import endings, tokens, usage
from .world.applications import Application, application_secret_hash
from .world.company import CUSTOMERS
from .world.faults import make_fault
from .world.ledger import Session
from .world.notices import Notice
from .world.recording import RecordedRequest
from .world.state import World


class Instance(World):
    """A stand-in for one ERP.net instance, with everything a test can do to it.

    All of it may be called from any thread. Plain attributes may be set at any time; `reset()`
    restores their defaults.
    """

    # The registration

    def settings(self) -> dict[str, str]:
        """The three keys of ERPNET_INSTANCEID that a site needs."""
        return {
            "INSTANCE_URL": self.url,
            "APPLICATION_URI": self.application_uri,
            "APPLICATION_SECRET": self.application_secret,
        }

    @property
    def application(self) -> Application:
        """The registration of the site under test; any field may be set."""
        return self.applications[self.application_uri]

    def register(
        self, *, application_uri: str | None = None, secret: str | None = None, **fields: Any
    ) -> Application:
        """Change the given parts of the registration. `fields` are those of `Application`.

        At first `login_urls` and `logout_urls` accept any URL of this machine (loopback,
        `*.localhost`, `*.test`, `testserver`); None restores that. A new `application_uri`
        registers one more application, and `settings()` then names that one.
        """
        if application_uri is not None:
            self.application_uri = application_uri
        if secret is not None:
            self.application_secret = secret
        secret_hash = application_secret_hash(self.application_secret)
        application = self.applications.setdefault(
            self.application_uri, Application(self.application_uri, secret_hash)
        )
        application.change(**{"secret_hash": secret_hash, **fields})
        return application

    # The requests it received

    @property
    def requests(self) -> list[RecordedRequest]:
        """Every request so far, in order of arrival."""
        return self.recording.all()

    def calls(self, endpoint: str, grant_type: str | None = None) -> list[RecordedRequest]:
        """The requests to one endpoint: discovery, jwks, authorize, sign_in, token, userinfo,
        revocation, end_session, auto_discovery, api, me, other."""
        return self.recording.of(endpoint, grant_type)

    def wait_for_calls(
        self, endpoint: str, count: int = 1, timeout: float = 10
    ) -> list[RecordedRequest]:
        """Like `calls`, but waits until there are `count`. Raises TimeoutError."""
        return self.recording.wait_for(endpoint, count, timeout)

    def forget_requests(self) -> None:
        self.recording.clear()

    # Misbehaviour

    def next_answer(self, endpoint: str, **fault: Any) -> None:
        """Spoil the next answer (or `times` of them) of an endpoint.

        The keyword arguments::

            status, json, body, error   sent instead of the real answer. The real work is skipped
                                        unless `work=True`. `error` alone is a 400 OAuth error.
            headers                     added to that answer, or set on the real one
            delay                       seconds to wait after the work, before the answer
            hold                        seconds to wait before the work
            drop="before" / "after"     close the connection before or after the work
            drip                        bytes of the body a second
            grant_type, when            only for a request of this grant type, or that `when` takes

        Several calls queue up.
        """
        self.faults.add(endpoint, make_fault(**fault))

    def next_token_answer(self, **answer: Any) -> None:
        """`next_answer("token", ...)`."""
        self.next_answer("token", **answer)

    def always(self, endpoint: str, **answer: Any) -> None:
        """`next_answer` for every request until `heal()`."""
        self.next_answer(endpoint, **answer, times=None)

    def change(self, target: str, apply: Callable[[Any], Any], *, times: int | None = None) -> None:
        """Let `apply` change answers before the instance sends them, until `heal()`.

        For front_id_token, id_token, refreshed_id_token, access_token and logout_token, `apply`
        gets a `Token` before it is signed, and may return a string to send instead. The hashes
        of a changed access token or code stay right.

        For the others it gets the value, and changes it in place or returns a new one:
        authorization_answer (list of pairs), token_answer, userinfo, discovery, jwks, me,
        auto_discovery (dicts), code, refresh_token (strings).
        """
        self.changes.add(target, apply, times)

    def heal(self) -> None:
        """Behave again: no faults, no changes."""
        self.faults.clear()
        self.changes.clear()

    # Keys

    def rotate_keys(self, keep_old: bool = False, key: RSAKey | None = None) -> str:
        """Sign with a new key; returns its `kid`. `keep_old` keeps the old key published."""
        return str(self.keys.rotate(keep_old, key).kid)

    @property
    def private_key(self) -> RSAPrivateKey:
        """The signing key, for tests that sign tokens themselves."""
        return self.keys.private_key

    @property
    def kid(self) -> str:
        return str(self.keys.current.kid)

    # People, sessions, tokens

    def rename(self, old: str, new: str) -> None:
        """Rename a login. The person's `id` stays."""
        self.people.rename(old, new)

    @property
    def licence_slots(self) -> int | None:
        """How many may use the API at once; None for any number."""
        return self.api_sessions.slots

    @licence_slots.setter
    def licence_slots(self, slots: int | None) -> None:
        self.api_sessions.slots = slots

    @property
    def licences_taken(self) -> int:
        return len(usage.open_sessions(self))

    @property
    def api_sessions_opened(self) -> int:
        """How many sessions have been opened at the APIs, ended ones included."""
        return self.api_sessions.opened

    @property
    def open_transactions(self) -> int:
        """How many API transactions are open."""
        sessions = usage.open_sessions(self)
        return sum(len(usage.open_transactions(self, session)) for session in sessions)

    @property
    def customers(self) -> list[dict[str, Any]]:
        """The rows of Crm_Sales_Customers. They may be changed."""
        return self.data.sets[CUSTOMERS].rows

    @property
    def too_many_requests(self) -> int:
        """How often the instance has answered 429 because of a limit."""
        return self.limiter.refused

    def lift_limits(self) -> None:
        """Allow any number of API requests and transactions. `reset()` restores the limits."""
        self.requests_per_minute = None
        self.concurrent_requests = None
        self.concurrent_transactions = None

    @property
    def open_refresh_tokens(self) -> int:
        """How many refresh tokens are valid."""
        return self.ledger.open_refresh_tokens()

    def has_session(self, login: str) -> bool:
        return bool(self.ledger.sessions_of(login))

    def sessions_of(self, login: str) -> list[Session]:
        return self.ledger.sessions_of(login)

    def end_session(self, session: Session) -> None:
        """End one session as its person would. Notices are sent from another thread."""
        self.notices.send_soon(endings.end_session(self, session))

    def end_session_of(self, login: str) -> list[Notice]:
        """End a person's sessions from the instance's side; returns the answered notices."""
        sent: list[Notice] = []
        for session in self.ledger.sessions_of(login):
            sent += self.notices.send(endings.end_session(self, session))
        return sent

    def logout_token(self, sub: str | None = None, sid: str | None = None) -> str:
        """A signed logout token for the site under test."""
        return tokens.logout_token(self, self.application, sub, sid)

    def revoke_refresh_tokens(self, login: str) -> int:
        """End a person's refresh tokens, as a changed password does. Returns their number."""
        return self.ledger.revoke_refresh_tokens(login)

    def answer_to(
        self,
        authorize_url: str,
        login: str | None = None,
        http: HTTPSession | None = None,
    ) -> AuthorizationAnswer:
        """Visit `authorize_url`, sign in as `login` if a page asks, and return the answer.

        `http` is a `requests.Session`: pass the same one again to keep the browser's cookies.
        """
        return visit(authorize_url, login, http)

    def close(self) -> None:
        """Release delayed answers, and wait until the last notices are sent."""
        self.stopping.set()
        self.limiter.stop()
        self.notices.wait()
