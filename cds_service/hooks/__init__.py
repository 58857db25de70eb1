"""CDS Hooks as it travels: requests, responses, discovery, feedback. Knows nothing of rules."""
