"""A stand-in that runs in another process with `--control`."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any

import requests
from werkzeug.datastructures import Headers

from .visitor import AuthorizationAnswer, visit
from .world.recording import RecordedRequest


class RemoteInstance:
    """The methods of `Instance` that work across processes, under the same names.

    `change` and `when` are missing: they take a function, which cannot be sent to another process.
    `change_claims` does part of it.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.issuer = f"{self.url}/id"

    def _run(self, command: str, **arguments: Any) -> Any:
        # A new session for each call, because many threads and forks use this object.
        with requests.Session() as http:
            http.trust_env = False
            answer = http.post(f"{self.url}/_stand_in/{command}", json=arguments, timeout=30)
        if answer.status_code == 404:
            raise RuntimeError(f"no command {command!r}; was the stand-in started with --control?")
        if answer.status_code == 400:
            raise ValueError(answer.json())
        answer.raise_for_status()
        return answer.json()

    def settings(self) -> dict[str, str]:
        return dict(self._run("settings"))

    def set(self, **attributes: Any) -> None:
        """Set attributes of the instance: access_token_lifetime, clock_offset, auto_sign_in…"""
        self._run("set", **attributes)

    def person(self, login: str, **fields: Any) -> None:
        """Change a person, or add one."""
        self._run("person", login=login, **fields)

    def register(self, **fields: Any) -> None:
        self._run("register", **fields)

    def next_answer(
        self,
        endpoint: str,
        *,
        body: bytes | str | None = None,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        **answer: Any,
    ) -> None:
        """Like `Instance.next_answer`, without `when`."""
        if isinstance(body, str):
            body = body.encode()
        if body is not None:
            answer["body_base64"] = base64.b64encode(body).decode()
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        self._run("next_answer", endpoint=endpoint, headers=[list(p) for p in pairs], **answer)

    def next_token_answer(self, **answer: Any) -> None:
        self.next_answer("token", **answer)

    def always(self, endpoint: str, **answer: Any) -> None:
        self.next_answer(endpoint, **answer, times=None)

    def change_claims(
        self,
        target: str,
        claims: dict[str, Any] | None = None,
        *,
        remove: Iterable[str] = (),
        header: dict[str, Any] | None = None,
        times: int | None = None,
    ) -> None:
        """Set and remove claims (and header members) of a kind of token until `heal()`."""
        self._run(
            "change_claims",
            target=target,
            claims=claims or {},
            remove=list(remove),
            header=header or {},
            times=times,
        )

    def lift_limits(self) -> None:
        self._run("lift_limits")

    def heal(self) -> None:
        self._run("heal")

    def reset(self) -> None:
        self._run("reset")

    def calls(self, endpoint: str, grant_type: str | None = None) -> list[RecordedRequest]:
        answer = self._run("calls", endpoint=endpoint, grant_type=grant_type)
        return [_recorded(call) for call in answer]

    def counters(self) -> dict[str, Any]:
        """`calls` by endpoint, refresh_tokens_granted, refresh_tokens_refused,
        open_refresh_tokens, licences_taken, api_sessions_opened, open_transactions,
        too_many_requests."""
        return dict(self._run("counters"))

    @property
    def refresh_tokens_granted(self) -> int:
        return int(self.counters()["refresh_tokens_granted"])

    @property
    def refresh_tokens_refused(self) -> int:
        return int(self.counters()["refresh_tokens_refused"])

    def forget_requests(self) -> None:
        self._run("forget_requests")

    def rotate_keys(self, keep_old: bool = False) -> str:
        return str(self._run("rotate_keys", keep_old=keep_old))

    def rename(self, old: str, new: str) -> None:
        self._run("rename", old=old, new=new)

    def has_session(self, login: str) -> bool:
        return bool(self._run("has_session", login=login))

    def end_session_of(self, login: str) -> list[int | None]:
        """End a person's sessions; returns the HTTP statuses of the notices."""
        return list(self._run("end_session_of", login=login))

    def revoke_refresh_tokens(self, login: str) -> int:
        return int(self._run("revoke_refresh_tokens", login=login))

    def logout_token(self, sub: str | None = None, sid: str | None = None) -> str:
        return str(self._run("logout_token", sub=sub, sid=sid))

    def answer_to(
        self,
        authorize_url: str,
        login: str | None = None,
        http: requests.Session | None = None,
    ) -> AuthorizationAnswer:
        return visit(authorize_url, login, http)


def _recorded(call: dict[str, Any]) -> RecordedRequest:
    return RecordedRequest(
        endpoint=call["endpoint"],
        method=call["method"],
        path=call["path"],
        query=[(name, value) for name, value in call["query"]],
        form=[(name, value) for name, value in call["form"]],
        headers=Headers([(name, value) for name, value in call["headers"]]),
        body=base64.b64decode(call["body"]),
        connection=call["connection"],
        time=call["time"],
    )
