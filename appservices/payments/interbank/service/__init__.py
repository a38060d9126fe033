"""Questions of other institutions, settling and comparing."""
