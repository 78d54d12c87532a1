"""Time that has passed, without a wait."""


def older_by(seconds, held):
    """The session's entry, as if its tokens had come so much earlier."""
    return held | {name: held[name] - seconds for name in ("expires_at", "renew_at")}


def make_old(instance, seconds):
    """Maria's sessions at the instance, as if she had shown who she is so much earlier."""
    for session in instance.sessions_of("maria"):
        session.auth_time -= seconds
