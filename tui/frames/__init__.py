"""The pictures of the frames that would be sent, in the detail of a spec."""
