"""Files as they are sent in: brought into the form that is signed, or added to as they are."""
