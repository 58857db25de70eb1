"""One hook, answered. Knows nothing of HTTP."""
