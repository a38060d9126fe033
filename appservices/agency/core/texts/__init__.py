"""What the service says to persons and to the staff, as documents of ``veche.protocol.message``."""
