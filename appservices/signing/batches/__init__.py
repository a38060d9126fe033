"""Many documents from one template, for an organisation."""
