"""Safeguards that stop money: freezing, revoked keys, guardians, bans."""
