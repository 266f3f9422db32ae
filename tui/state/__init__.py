"""What the app knows and keeps for as long as it runs, apart from any page."""
