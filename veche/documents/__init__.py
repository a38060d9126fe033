"""Signed files: PDF, CMS, time stamps, ASiC, and the verdict on them. Pure."""
