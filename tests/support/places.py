"""Where a token reaches the site: beside the code, from the token endpoint, as a notice."""

from dataclasses import dataclass
from urllib.parse import urlencode

from .outcomes import assert_notice_refused, assert_rejected, look


@dataclass(frozen=True)
class Place:
    """One of the tokens that the instance sends. ``target`` is its name in `Instance.change`."""

    target: str
    token_requests: int

    def assert_refused(self, visitor, instance, forge, *, code=None):
        """REJ0, REJ or LO400 for a token that ``forge`` changed before it was signed."""
        if self is LOGOUT:
            self._assert_notice_refused(visitor, instance, forge)
            return
        address = visitor.start()
        honest = visitor.at(address)
        instance.change(self.target, forge)
        answer = visitor.at(address) if self is FRONT else honest
        before = look(visitor, instance)
        response = visitor.bring(answer)
        instance.heal()
        assert_rejected(
            visitor,
            response,
            before,
            token_requests=self.token_requests,
            code=code,
            corrected=honest,
        )

    def _assert_notice_refused(self, visitor, instance, forge):
        if visitor.whoami()["user"] != "maria":
            visitor.sign_in("maria")
        session = instance.sessions_of("maria")[0]
        instance.change(self.target, forge)
        logout_token = instance.logout_token(sub=session.sub, sid=session.sid)
        instance.heal()
        before = look(visitor, instance)
        response = visitor.relay("/backchannel-signout", urlencode({"logout_token": logout_token}))
        assert_notice_refused(response, visitor, before)


FRONT = Place("front_id_token", 0)
TOKEN_ENDPOINT = Place("id_token", 1)
LOGOUT = Place("logout_token", 0)
