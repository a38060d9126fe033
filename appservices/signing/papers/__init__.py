"""Papers of documents: uploads, the page of signatures, the evidence.

Its texts have catalogues of their own, so that a document can be made without the bot's.
"""
