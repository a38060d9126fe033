"""E-mail: behind the operator's mail server, which keeps spam away and signs what goes out."""
