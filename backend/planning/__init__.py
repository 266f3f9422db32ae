"""Plans what would be sent for each spec, refuses specs with a reason, and makes the orders for the queue."""
