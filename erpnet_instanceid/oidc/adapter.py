"""Proxies and certificates, as requests takes them from the environment.

Those that cannot be used are named by their variable, before anything is sent.
"""

from __future__ import annotations

import functools
import os
import ssl
from collections.abc import Mapping
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.utils import select_proxy
from urllib3.util import create_urllib3_context

from .errors import InstanceUnavailable
from .pool import bounded_pools, has_sent

# How many hosts, and how many idle connections to each.
POOL_SIZE = (4, 32)
NO_RETRIES = urllib3.Retry(False)
# From requests, from urllib3, and from Python's own http.client.
FAILURES = (requests.RequestException, urllib3.exceptions.HTTPError, ValueError)
CA_BUNDLE_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@functools.lru_cache(maxsize=64)
def environment(origin: str) -> Mapping[str, Any]:
    """``proxies`` and ``verify`` as the environment variables set them for this origin."""
    with requests.Session() as session:
        found = session.merge_environment_settings(origin, {}, None, None, None)
    return {"proxies": dict(found["proxies"]), "verify": found["verify"]}


class InstanceAdapter(HTTPAdapter):
    """Keeps connections open between calls, and never repeats a call.

    Raises InstanceUnavailable for a proxy or a certificate file that cannot be used.
    """

    def __init__(self) -> None:
        super().__init__(*POOL_SIZE, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        _bound_pools_of(self.poolmanager)

    def forget_connections(self) -> None:
        """Starts a new pool. Sessions that are open use it too."""
        self.proxy_manager = {}
        self.init_poolmanager(*POOL_SIZE)

    def send(  # type: ignore[override]
        self, request: requests.PreparedRequest, **options: Any
    ) -> requests.Response:
        try:
            return super().send(request, **options)
        except FAILURES as error:
            raise _explained(error, request, options.get("proxies")) from None

    def send_plainly(
        self,
        request: requests.PreparedRequest,
        *,
        body: str | None,
        headers: Mapping[str, str],
        timeout: urllib3.Timeout,
        proxies: Mapping[str, str],
        verify: bool | str,
    ) -> urllib3.BaseHTTPResponse:
        """As `send`, over the same connections; the answer is urllib3's own.

        Cookies, hooks and the Response of requests take as long as the rest of the call.
        ``request`` needs an address and a method only.
        """
        try:
            pool: Any = self.get_connection_with_tls_context(request, verify, proxies=proxies)
            self.cert_verify(pool, request.url, verify, None)
            answer: urllib3.BaseHTTPResponse = pool.urlopen(
                str(request.method),
                self.request_url(request, proxies),
                body=body,
                headers=headers,
                timeout=timeout,
                retries=NO_RETRIES,
                redirect=False,
                assert_same_host=False,
                preload_content=False,
                decode_content=False,
            )
        except FAILURES as error:
            raise _explained(error, request, proxies) from None
        return answer

    def request_url(self, request: requests.PreparedRequest, proxies: Any) -> str:
        # requests looks for the proxy of this address even if there is no proxy at all.
        return super().request_url(request, proxies) if proxies else request.path_url

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        try:
            manager = super().proxy_manager_for(proxy, **kwargs)
        except requests.exceptions.InvalidSchema:
            raise _unsupported(proxy, needs="pip install requests[socks]") from None
        except (ValueError, AssertionError, urllib3.exceptions.HTTPError):
            raise _unsupported(proxy) from None
        _bound_pools_of(manager)
        return manager

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        if isinstance(verify, str) and url.lower().startswith("https"):
            _check_ca_bundle(verify)
        try:
            super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]
        except OSError:
            raise InstanceUnavailable(
                "client_certificate_missing", setting="cert", answer_lost=False
            ) from None
        if conn.ca_certs and conn.proxy is None and cert is None:
            # urllib3 would read the file again for each connection, which takes 20 ms.
            conn.conn_kw["ssl_context"] = _trusting(conn.ca_certs, os.stat(conn.ca_certs).st_mtime)
            conn.ca_certs = None


def is_tls_failure(error: Exception) -> bool:
    return isinstance(error, requests.exceptions.SSLError | urllib3.exceptions.SSLError)


def is_timeout(error: Exception) -> bool:
    # To urllib3 a connection that is refused is a timeout as well.
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        return False
    return isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError | TimeoutError)


def _explained(
    error: Exception, request: requests.PreparedRequest, proxies: Mapping[str, str] | None
) -> Exception:
    """``error``, or another one that says more than it, or less."""
    if isinstance(error, requests.exceptions.InvalidProxyURL):
        return _unsupported(_proxy_of(request, proxies))
    if isinstance(error, requests.ConnectionError | urllib3.exceptions.HTTPError):
        return _proxy_failure(error, _proxy_of(request, proxies)) or error
    if isinstance(error, requests.RequestException):
        return error
    # Python's own refusal of a header quotes it, and the header may hold a token.
    return requests.exceptions.InvalidHeader("A header cannot be sent.")


def _proxy_failure(error: Exception, proxy: str | None) -> InstanceUnavailable | None:
    """Names the proxy, if it is the proxy that fails: it is down, or refuses to connect us."""
    if proxy is None or has_sent() or is_tls_failure(error) or is_timeout(error):
        return None
    setting = _proxy_variable(proxy)
    return InstanceUnavailable("proxy_failed", setting=setting, answer_lost=False)


def _proxy_of(request: requests.PreparedRequest, proxies: Mapping[str, str] | None) -> str | None:
    return select_proxy(str(request.url), proxies)


def _bound_pools_of(manager: Any) -> None:
    manager.pool_classes_by_scheme = bounded_pools(manager.pool_classes_by_scheme)


def _unsupported(proxy: str | None, **facts: str) -> InstanceUnavailable:
    setting = _proxy_variable(proxy)
    return InstanceUnavailable("proxy_unsupported", setting=setting, answer_lost=False, **facts)


def _proxy_variable(proxy: str | None) -> str:
    """The environment variable that names this proxy, else the argument of the call.

    The address itself may hold a password.
    """
    for name, value in os.environ.items():
        if name.lower().endswith("_proxy") and value and (proxy or "").endswith(value):
            return name
    return "proxies"


def _check_ca_bundle(path: str) -> None:
    variable = next((v for v in CA_BUNDLE_VARIABLES if os.environ.get(v) == path), "verify")
    facts: dict[str, Any] = {"setting": variable, "path": path, "answer_lost": False}
    if not os.path.exists(path):
        raise InstanceUnavailable("ca_bundle_missing", **facts)
    try:
        if os.path.isfile(path):
            _trusting(path, os.stat(path).st_mtime)
    except OSError:
        raise InstanceUnavailable("ca_bundle_unreadable", **facts) from None


@functools.lru_cache(maxsize=8)
def _trusting(ca_bundle: str, _changed: float) -> ssl.SSLContext:
    """urllib3's own context, which trusts the authorities in this file.

    Raises OSError where the file holds no certificates. urllib3 would blame the instance's.
    """
    context = create_urllib3_context()
    context.load_verify_locations(ca_bundle)
    return context
