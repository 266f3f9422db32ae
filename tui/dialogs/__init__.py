"""Dialogs that belong to no single page: questions, help, the first run, the doctor."""
