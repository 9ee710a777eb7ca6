"""Loyalty: points as a ledger, tiers that follow from it, rewards, and the rules that earn."""
