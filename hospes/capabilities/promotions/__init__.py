"""Promotions: what is offered, to whom it was granted, and where it was redeemed."""
