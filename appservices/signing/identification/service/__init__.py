"""The steps of identifying somebody, and the registrar's and the person's chats."""
