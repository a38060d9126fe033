"""What stops money: freezing, revoked keys, guardians, bans."""
