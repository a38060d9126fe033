"""Certificates, signatures over bytes, time stamps and revocation: read strictly, in DER."""
