"""OpenID Connect as the Instance ID speaks it. Imports neither Django nor the rest of the app."""

# TokenSet was found under this name before the folder of that name came to the app.
from . import token_set as tokens

__all__ = ["tokens"]
