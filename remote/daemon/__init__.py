"""The process on the box that goes on when the connection drops, its visitors, and what it sends them."""
