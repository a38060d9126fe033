"""XMPP: a component of a server of the operator's."""
