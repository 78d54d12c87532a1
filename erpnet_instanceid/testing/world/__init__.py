"""The state of a stand-in instance. Nothing in here knows HTTP."""
