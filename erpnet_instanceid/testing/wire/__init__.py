"""What a stand-in instance answers over HTTP."""
