"""SQL of disputes and their evidence."""
