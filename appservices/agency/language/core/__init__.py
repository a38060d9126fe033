"""The service language, pure: from YAML to a ``ServiceDefinition``."""
