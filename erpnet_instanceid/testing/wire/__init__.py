"""The answers of a stand-in instance over HTTP."""
