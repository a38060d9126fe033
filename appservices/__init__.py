"""Application services: what runs beside the homeserver, one package a service."""
