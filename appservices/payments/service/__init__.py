"""What payments do: the writer, the deeds of persons and offices, the rails."""
