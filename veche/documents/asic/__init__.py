"""Containers for signed files of any kind: ASiC-E with CAdES."""
