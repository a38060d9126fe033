"""Cases: what is known of one, who speaks of it, and how it is kept."""
