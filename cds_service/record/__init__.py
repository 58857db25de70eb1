"""What was shown and what became of it, kept without patient data in clear, and what is therefore not shown again.

Nothing here is imported, and nothing written, while recording is off; SQLAlchemy is loaded when the store is opened.
"""
