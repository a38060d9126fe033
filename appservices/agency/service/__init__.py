"""What the agency does, one use case a function, each in one transaction."""
