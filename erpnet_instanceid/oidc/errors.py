"""The protocol's errors. Each carries a stable ``code`` and facts, never a secret."""

from __future__ import annotations


class InstanceIDError(Exception):
    """The base of every error that this app raises.

    ``code`` is stable and meant for programs, ``facts`` are meant for the log. Neither ever holds
    a token, a code, a verifier, a secret or a response body.
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
        """A new error with the same facts, so that another thread can raise it too."""
        return _restore(type(self), self.code, self.facts)


def _restore(kind: type[InstanceIDError], code: str, facts: dict[str, object]) -> InstanceIDError:
    error = kind.__new__(kind)
    InstanceIDError.__init__(error, code, **facts)
    return error


class InstanceUnavailable(InstanceIDError):
    """The instance did not answer, or said that it cannot answer now. Trying later may help.

    ``answer_lost`` is true where the instance may have carried the request out all the same.
    """

    @property
    def answer_lost(self) -> bool:
        return bool(self.facts.get("answer_lost"))


class InvalidResponse(InstanceIDError):
    """The instance's answer breaks the protocol."""


class OAuthError(InstanceIDError):
    """The instance answered with an OAuth error. RFC 6749 4.1.2.1 and 5.2.

    ``from_browser`` is true for an error that came with the visitor's browser. Any visitor can
    write one.
    """

    def __init__(self, error: str, description: str = "", /, **facts: object) -> None:
        super().__init__(error, description=description, **facts)

    @property
    def error(self) -> str:
        return self.code

    @property
    def from_browser(self) -> bool:
        return bool(self.facts.get("from_browser"))

    @property
    def description(self) -> str:
        return str(self.facts.get("description", ""))


class AttemptError(InstanceIDError):
    """The answer does not belong to a sign-in that was started in this browser."""


class TokenRejected(InstanceIDError):
    """A token fails a check. ``facts`` name the claim and the value that was expected."""


class SignInDenied(InstanceIDError):
    """The instance knows the visitor, and this site does not let them in."""


class SignInExpired(InstanceIDError):
    """The visitor's sign-in at the instance is over: they have to sign in again."""
