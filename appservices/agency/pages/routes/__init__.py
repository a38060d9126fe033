"""The HTTP API of pages: the catalogue for anybody, cases for their persons."""
