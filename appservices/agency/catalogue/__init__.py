"""The catalogue of services, in chats and on pages."""
