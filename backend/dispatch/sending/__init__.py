"""Brings requests to a box over one link after the other, and says when one is tried again."""
