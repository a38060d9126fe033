"""What registrars read and say of somebody who signs in person."""
