"""The state of one stand-in instance, its switches and its clock."""

from __future__ import annotations

import threading
import time
from typing import Any, Literal

from joserfc.jwk import RSAKey

from .api_sessions import ApiSessions
from .applications import Application, application_secret_hash
from .changes import Changes
from .faults import Faults
from .keys import KeyRing
from .ledger import Ledger
from .limits import Limiter
from .notices import Notices
from .people import People, ready_people
from .recording import Recording
from .transactions import Data


class World:
    """Everything an instance knows. All of it may be used from any thread.

    Plain attributes may be set at any time; `reset()` restores their defaults.
    """

    def __init__(
        self,
        url: str,
        *,
        application_uri: str = "demo.example.com",
        application_secret: str = "the-secret-of-the-demo-site",  # noqa: S107
        key: RSAKey | None = None,
    ) -> None:
        self.url = url
        self.issuer = f"{url}/id"
        self.keys = KeyRing(key)
        self.stopping = threading.Event()
        # Browsers send cookies to every port of a host: the name keeps stand-ins apart.
        self.cookie_name = f"instance-sign-in-{url.rpartition(':')[2].strip('/')}"
        self._lock = threading.Lock()
        self._first_application = (application_uri, application_secret)
        self.applications: dict[str, Application] = {}
        self.reset()

    def reset(self) -> None:
        """Return to the state of a new stand-in. Only the address and the signing key stay."""
        self._reset_switches()
        self._reset_api()
        self._reset_memory()
        self._reset_application()

    def _reset_switches(self) -> None:
        self.clock_offset: float = 0
        self.access_token_lifetime: float = 3600
        self.id_token_lifetime: float = 300
        self.refresh_token_lifetime: float = 30 * 24 * 3600
        self.code_lifetime: float = 300
        self.auto_sign_in: str | None = None
        self.pkce: Literal["required", "optional", "ignored"] = "required"
        self.send_iss = False
        self.send_token_type = True
        self.response_mode: str | None = None
        self.database = "DEMO"
        self.page_size: int | None = 1000

    def _reset_api(self) -> None:
        self.requests_per_minute: int | None = 600
        self.concurrent_requests: int | None = 1
        self.request_queue: int | None = 5
        self.concurrent_transactions: int | None = 1
        self.transaction_lifetime: float | None = 25 * 60
        self.failed_commit_ends_transaction = False
        self.printout_answer: Literal["json", "text", "file"] = "json"
        self.session_idle_lifetime: float | None = 20 * 60
        self.service_session_lifetime: float | None = 60 * 60
        self.error_shape: Literal["flat", "wrapped"] = "flat"
        self.api_sessions = ApiSessions()
        self.limiter = Limiter()

    def _reset_memory(self) -> None:
        self.refresh_tokens_granted = 0
        self.refresh_tokens_refused = 0
        self.people: People = ready_people()
        self.ledger = Ledger()
        self.reference_tokens: dict[str, dict[str, Any]] = {}
        self.recording = Recording()
        self.faults = Faults()
        self.changes = Changes()
        self.notices = Notices()
        self.data = Data()

    def _reset_application(self) -> None:
        self.application_uri, self.application_secret = self._first_application
        self.applications.clear()
        self.applications[self.application_uri] = Application(
            self.application_uri, application_secret_hash(self.application_secret)
        )

    def now(self) -> float:
        """The instance's clock, Unix seconds."""
        return time.time() + self.clock_offset

    def count_refresh(self, *, granted: bool) -> None:
        with self._lock:
            if granted:
                self.refresh_tokens_granted += 1
            else:
                self.refresh_tokens_refused += 1
