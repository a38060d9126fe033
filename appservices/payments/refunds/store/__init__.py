"""SQL of refunds by organisations."""
