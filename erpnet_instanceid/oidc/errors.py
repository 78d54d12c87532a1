"""One tree of errors: each carries a stable ``code`` and the facts, never a secret."""

from __future__ import annotations


class InstanceIDError(Exception):
    """Something about the instance, or about what was received in its name, is not as it must be.

    ``code`` is stable and meant for programs, ``facts`` are for the log. Neither ever holds a
    token, a code, a verifier, a secret or a response body.
    """

    def __init__(self, code: str, /, **facts: object) -> None:
        self.code = code
        self.facts = facts
        super().__init__(code)

    def __str__(self) -> str:
        if not self.facts:
            return self.code
        return (
            f"{self.code} ({', '.join(f'{name}={value!r}' for name, value in self.facts.items())})"
        )

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword arguments do not survive the default pickling, which task queues rely on.
        return _restore, (type(self), self.code, self.facts)

    def again(self) -> InstanceIDError:
        """A new error with the same facts, for a caller that meets a failure another one saw."""
        return _restore(type(self), self.code, self.facts)


def _restore(kind: type[InstanceIDError], code: str, facts: dict[str, object]) -> InstanceIDError:
    error = kind.__new__(kind)
    InstanceIDError.__init__(error, code, **facts)
    return error


class InstanceUnavailable(InstanceIDError):
    """The instance did not answer, or said that it cannot now. Trying later may help.

    ``answer_lost`` tells that the request may have been carried out all the same.
    """

    @property
    def answer_lost(self) -> bool:
        return bool(self.facts.get("answer_lost"))


class InvalidResponse(InstanceIDError):
    """The instance answered with something that the protocol does not allow."""


class OAuthError(InstanceIDError):
    """The instance answered with an OAuth error. RFC 6749 4.1.2.1 and 5.2."""

    def __init__(self, error: str, description: str = "", /, **facts: object) -> None:
        super().__init__(error, description=description, **facts)

    @property
    def error(self) -> str:
        return self.code

    @property
    def description(self) -> str:
        return str(self.facts.get("description", ""))


class AttemptError(InstanceIDError):
    """An answer does not belong to a sign-in that this browser has under way."""


class TokenRejected(InstanceIDError):
    """A token fails one of the checks. ``facts`` say which claim, and what was expected."""


class SignInDenied(InstanceIDError):
    """The visitor is known, and is not let in."""


class SignInExpired(InstanceIDError):
    """The visitor's sign-in at the instance is over: they have to sign in again."""
