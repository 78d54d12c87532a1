"""The instance's addresses, as a Flask application."""

from __future__ import annotations

import json
from typing import Any

from flask import Flask, Response, make_response, request

from ..world.encoding import encode_json
from ..world.ledger import Session
from ..world.state import World
from .access import TokenRefusedError, bearer_claims
from .authorization import Server, authorize, sign_in
from .documents import metadata, web_sites
from .domain_api import domain_api
from .odata.calls import ODATA_ROOT
from .pages import message_page
from .profile import current_user
from .sign_out import EndSession, end_session


def create_app(world: World) -> Flask:
    app = Flask(__name__)
    server = Server(world)
    server.register_endpoint(EndSession)
    _add_identity(app, world, server)
    _add_sites(app, world)
    return app


def _session(world: World) -> Session | None:
    return world.ledger.session(request.cookies.get(world.cookie_name))


def _json(value: Any, status: int = 200) -> Response:
    response = make_response(encode_json(value), status)
    response.headers["Content-Type"] = "application/json; charset=UTF-8"
    return response


def _add_identity(app: Flask, world: World, server: Server) -> None:
    @app.get("/id/.well-known/openid-configuration")
    def discovery() -> Response:
        return _json(world.changes.apply("discovery", metadata(world)))

    @app.get("/id/.well-known/openid-configuration/jwks")
    @app.get("/id/keys")
    def jwks() -> Response:
        return _json(world.changes.apply("jwks", world.keys.jwks()))

    @app.route("/id/connect/authorize", methods=["GET", "POST"])
    def authorize_endpoint() -> Response:
        return authorize(world, server, _session(world))

    @app.post("/id/account/login")
    def sign_in_endpoint() -> Response:
        return sign_in(world, server, request.form.get("login", ""), _session(world))

    @app.post("/id/connect/token")
    def token() -> Response:
        return _token(world, server)

    @app.route("/id/connect/userinfo", methods=["GET", "POST"])
    def userinfo() -> Response:
        return _userinfo(world)

    @app.post("/id/connect/revocation")
    def revocation() -> Response:
        response: Response = server.create_endpoint_response("revocation")
        return response

    @app.route("/id/connect/endsession", methods=["GET", "POST"])
    def end_session_endpoint() -> Response:
        return end_session(world, server, _session(world))


def _token(world: World, server: Server) -> Response:
    response: Response = server.create_token_response()
    if request.form.get("grant_type") == "refresh_token":
        world.count_refresh(granted=response.status_code == 200)
    if response.status_code == 200:
        answer = json.loads(response.get_data())
        if not world.send_token_type:
            del answer["token_type"]
        response.set_data(encode_json(world.changes.apply("token_answer", answer)))
    return response


def _userinfo(world: World) -> Response:
    try:
        claims = bearer_claims(world, request.headers.get("Authorization"))
    except TokenRefusedError as refused:
        return refused.response()
    person = world.people.of_token(claims)
    if person is None:
        return _json({"error": "insufficient_scope"}, 403)
    answer = {"sub": claims["sub"], **person.claims(), "db": world.database}
    return _json(world.changes.apply("userinfo", answer))


def _add_sites(app: Flask, world: World) -> None:
    @app.get("/")
    def front() -> Response:
        return message_page("ERP.net stand-in", f"Issuer: {world.issuer}")

    @app.get("/sys/auto-discovery")
    @app.get("/tools/auto-discovery")
    def auto_discovery() -> Response:
        return _json(world.changes.apply("auto_discovery", web_sites(world)))

    @app.route(f"{ODATA_ROOT}<path:path>", methods=["GET", "POST", "PATCH", "PUT", "DELETE"])
    def api(path: str) -> Response:
        return domain_api(world, path)

    @app.get("/profile/me")
    def me() -> Response:
        return current_user(world)
