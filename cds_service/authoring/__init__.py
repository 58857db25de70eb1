"""For those who write and review cards: cases, pages, explanations."""
