"""Control of a stand-in from another process: JSON on `POST /_stand_in/<command>`.

Off by default, because a process that reaches it can change everything. `RemoteInstance` is its
client.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, abort, jsonify, request

from .instance import Instance
from .world.forging import Token
from .world.recording import RecordedRequest

#: Attributes of `Instance` that `set` may set.
SETTABLE = frozenset(
    {
        "access_token_lifetime",
        "auto_sign_in",
        "clock_offset",
        "code_lifetime",
        "concurrent_requests",
        "concurrent_transactions",
        "database",
        "error_shape",
        "failed_commit_ends_transaction",
        "id_token_lifetime",
        "licence_slots",
        "page_size",
        "pkce",
        "printout_answer",
        "refresh_token_lifetime",
        "request_queue",
        "requests_per_minute",
        "response_mode",
        "send_iss",
        "send_token_type",
        "service_session_lifetime",
        "session_idle_lifetime",
        "transaction_lifetime",
    }
)


def add_control(app: Flask, instance: Instance) -> None:
    commands = Commands(instance)

    @app.post("/_stand_in/<command>")
    def control(command: str) -> Response:
        run: Callable[..., Any] | None = None
        if not command.startswith("_"):
            run = getattr(commands, command, None)
        if run is None:
            abort(404)
        try:
            return jsonify(run(**(request.get_json(silent=True) or {})))
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            response = jsonify(f"{type(error).__name__}: {error}")
            response.status_code = 400
            return response


class Commands:
    """The commands for other processes. Arguments and results are JSON."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def settings(self) -> dict[str, str]:
        return self._instance.settings()

    def set(self, **attributes: Any) -> None:
        for name, value in attributes.items():
            if name not in SETTABLE:
                raise AttributeError(f"{name!r} cannot be set; there are {sorted(SETTABLE)}")
            setattr(self._instance, name, value)

    def person(self, login: str, **fields: Any) -> None:
        person = self._instance.people.get(login) or self._instance.people.add(login)
        for name, value in fields.items():
            if not hasattr(person, name):
                raise AttributeError(f"a person has no {name!r}")
            setattr(person, name, value)

    def register(self, **fields: Any) -> None:
        self._instance.register(**fields)

    def next_answer(self, endpoint: str, body_base64: str | None = None, **answer: Any) -> None:
        if body_base64 is not None:
            answer["body"] = base64.b64decode(body_base64)
        self._instance.next_answer(endpoint, **answer)

    def change_claims(
        self,
        target: str,
        claims: dict[str, Any],
        remove: list[str],
        header: dict[str, Any],
        times: int | None = None,
    ) -> None:
        def apply(token: Token) -> None:
            token.claims.update(claims)
            token.header.update(header)
            for name in remove:
                token.claims.pop(name, None)

        self._instance.change(target, apply, times=times)

    def lift_limits(self) -> None:
        self._instance.lift_limits()

    def heal(self) -> None:
        self._instance.heal()

    def reset(self) -> None:
        self._instance.reset()

    def calls(self, endpoint: str, grant_type: str | None = None) -> list[dict[str, Any]]:
        return [_as_dict(call) for call in self._instance.calls(endpoint, grant_type)]

    def counters(self) -> dict[str, Any]:
        instance = self._instance
        return {
            "calls": Counter(request.endpoint for request in instance.requests),
            "refresh_tokens_granted": instance.refresh_tokens_granted,
            "refresh_tokens_refused": instance.refresh_tokens_refused,
            "open_refresh_tokens": instance.open_refresh_tokens,
            "licences_taken": instance.licences_taken,
            "api_sessions_opened": instance.api_sessions_opened,
            "open_transactions": instance.open_transactions,
            "too_many_requests": instance.too_many_requests,
        }

    def forget_requests(self) -> None:
        self._instance.forget_requests()

    def rotate_keys(self, keep_old: bool = False) -> str:
        return self._instance.rotate_keys(keep_old)

    def rename(self, old: str, new: str) -> None:
        self._instance.rename(old, new)

    def has_session(self, login: str) -> bool:
        return self._instance.has_session(login)

    def end_session_of(self, login: str) -> list[int | None]:
        return [notice.status for notice in self._instance.end_session_of(login)]

    def revoke_refresh_tokens(self, login: str) -> int:
        return self._instance.revoke_refresh_tokens(login)

    def logout_token(self, sub: str | None = None, sid: str | None = None) -> str:
        return self._instance.logout_token(sub, sid)


def _as_dict(call: RecordedRequest) -> dict[str, Any]:
    return {
        "endpoint": call.endpoint,
        "method": call.method,
        "path": call.path,
        "query": call.query,
        "form": call.form,
        "headers": list(call.headers.items()),
        "body": base64.b64encode(call.body).decode(),
        "connection": call.connection,
        "time": call.time,
    }
