"""What others read of the signing of documents."""
