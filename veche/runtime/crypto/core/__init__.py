"""End-to-end encryption without network, clock or storage: values in, values out.

vodozemac gives Olm and Megolm, PyNaCl the cross-signing keys, canonicaljson the signed bytes. What
is checked here, and in which order, is the point of these modules.
"""
