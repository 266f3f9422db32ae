"""The panel with the replicas of a box, which opens above the queue page."""
