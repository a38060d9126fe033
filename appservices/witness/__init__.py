"""A witness of logs of others: it keeps the newest head of each, and signs what begins with it."""
