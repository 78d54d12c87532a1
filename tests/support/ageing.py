"""Time that has passed, without a wait."""


def older_by(seconds, held):
    """The session's entry, as if its tokens had come so much earlier."""
    return held | {name: held[name] - seconds for name in ("expires_at", "renew_at")}


def make_old(instance, seconds):
    """Maria's sessions at the instance, as if she had shown who she is so much earlier."""
    for session in instance.sessions_of("maria"):
        session.auth_time -= seconds


def sign_in_expired(visitor, instance, login="maria"):
    """Signed in, with an access token whose life is over."""
    instance.change("token_answer", lambda answer: answer.update(expires_in=0), times=1)
    visitor.sign_in(login)
    instance.forget_requests()
    return visitor


def refreshes(instance):
    """The requests that spent a refresh token."""
    return instance.calls("token", "refresh_token")
