"""Which concept a coding, a drug name or a phrase means."""
