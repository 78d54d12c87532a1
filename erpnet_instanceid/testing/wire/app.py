"""The instance's addresses, as a Flask application."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, make_response, request

from ..control import add_control
from ..world.encoding import encode_json
from .access import TokenRefusedError, bearer_claims
from .authorization import Server, authorize, sign_in
from .documents import metadata, web_sites
from .domain_api import ODATA_ROOT, current_user, customers
from .pages import message_page
from .sign_out import EndSession, end_session

if TYPE_CHECKING:
    from ..instance import Instance
    from ..world.ledger import Session


def create_app(instance: Instance, control: bool = False) -> Flask:
    app = Flask(__name__)
    server = Server(instance)
    server.register_endpoint(EndSession)
    _add_identity(app, instance, server)
    _add_sites(app, instance)
    if control:
        add_control(app, instance)
    return app


def _session(instance: Instance) -> Session | None:
    return instance.ledger.session(request.cookies.get(instance.cookie_name))


def _json(value: Any, status: int = 200) -> Response:
    response = make_response(encode_json(value), status)
    response.headers["Content-Type"] = "application/json; charset=UTF-8"
    return response


def _add_identity(app: Flask, instance: Instance, server: Server) -> None:
    @app.get("/id/.well-known/openid-configuration")
    def discovery() -> Response:
        return _json(instance.changes.apply("discovery", metadata(instance)))

    @app.get("/id/.well-known/openid-configuration/jwks")
    @app.get("/id/keys")
    def jwks() -> Response:
        return _json(instance.changes.apply("jwks", instance.keys.jwks()))

    @app.route("/id/connect/authorize", methods=["GET", "POST"])
    def authorize_endpoint() -> Response:
        return authorize(instance, server, _session(instance))

    @app.post("/id/account/login")
    def sign_in_endpoint() -> Response:
        return sign_in(instance, server, request.form.get("login", ""), _session(instance))

    @app.post("/id/connect/token")
    def token() -> Response:
        return _token(instance, server)

    @app.route("/id/connect/userinfo", methods=["GET", "POST"])
    def userinfo() -> Response:
        return _userinfo(instance)

    @app.post("/id/connect/revocation")
    def revocation() -> Response:
        response: Response = server.create_endpoint_response("revocation")
        return response

    @app.route("/id/connect/endsession", methods=["GET", "POST"])
    def end_session_endpoint() -> Response:
        return end_session(instance, server, _session(instance))


def _token(instance: Instance, server: Server) -> Response:
    response: Response = server.create_token_response()
    if request.form.get("grant_type") == "refresh_token":
        instance.count_refresh(granted=response.status_code == 200)
    if response.status_code == 200:
        answer = json.loads(response.get_data())
        if not instance.send_token_type:
            del answer["token_type"]
        response.set_data(encode_json(instance.changes.apply("token_answer", answer)))
    return response


def _userinfo(instance: Instance) -> Response:
    try:
        claims = bearer_claims(instance, request.headers.get("Authorization"))
    except TokenRefusedError as refused:
        return refused.response()
    person = instance.people.of_token(claims)
    if person is None:
        return _json({"error": "insufficient_scope"}, 403)
    answer = {"sub": claims["sub"], **person.claims(), "db": instance.database}
    return _json(instance.changes.apply("userinfo", answer))


def _add_sites(app: Flask, instance: Instance) -> None:
    @app.get("/")
    def front() -> Response:
        return message_page("ERP.net stand-in", f"Issuer: {instance.issuer}")

    @app.get("/sys/auto-discovery")
    @app.get("/tools/auto-discovery")
    def auto_discovery() -> Response:
        return _json(instance.changes.apply("auto_discovery", web_sites(instance)))

    @app.route(f"{ODATA_ROOT}<path:path>", methods=["GET", "POST", "PATCH", "PUT", "DELETE"])
    def domain_api(path: str) -> Response:
        return customers(instance, path)

    @app.get("/profile/me")
    def me() -> Response:
        return current_user(instance)
