"""For sites that use other packages beside Django. Nothing here is imported unless a site does."""
