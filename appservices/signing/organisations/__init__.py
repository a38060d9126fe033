"""Documents that organisations have signed over HTTP."""
