"""The server side of the app: pushes to browsers, what the app has to know first, invitations."""
