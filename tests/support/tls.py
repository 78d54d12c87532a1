"""Certificates for servers of the tests."""

import datetime
import secrets
import ssl

import trustme


class Trusted:
    """An authority that this process trusts, and certificates of it and of others."""

    def __init__(self, folder):
        self.folder = folder
        self._authority = trustme.CA()
        self.bundle = folder / "trusted.pem"
        self._authority.cert_pem.write_to_path(self.bundle)

    def certificate(self, host="127.0.0.1", days=(-1, 1), signed=True):
        """A file with a key and its certificate; one that nobody trusts where not ``signed``."""
        authority = self._authority if signed else trustme.CA()
        now = datetime.datetime.now(datetime.timezone.utc)
        begin, end = (now + datetime.timedelta(days=number) for number in days)
        issued = authority.issue_cert(host, not_before=begin, not_after=end)
        file = self.folder / f"{secrets.token_hex(4)}.pem"
        issued.private_key_and_cert_chain_pem.write_to_path(file)
        return file

    def context(self, file):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context
