"""Token budgets: the panel for trying other settings, and budgets as text and bars."""
