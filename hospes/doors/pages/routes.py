"""The tables of pages."""

from collections.abc import Sequence

from hospes.doors.pages import portal, preferences, tracking_links, unsubscribing, wallet
from hospes.doors.pages.staff import apps, consent, home, partners, signing_in
from hospes.doors.pages.visits import Route

_READ = ("GET", "HEAD")
_WRITE = ("POST",)

GUESTS: Sequence[Route] = [
    Route("/p/{slug}", portal.show),
    Route("/p/{slug}/captive", portal.tell),
    Route("/w/{token}", wallet.show),
    Route("/w/{token}/code", wallet.show_code),
    Route("/w/{token}/pass.pkpass", wallet.make_pass),
    Route("/w/{token}/google", wallet.save_to_google),
    Route("/w/{token}/rewards/{reward_id}", wallet.show_reward),
    Route("/u/{token}", unsubscribing.show),
    Route("/u/{token}/preferences", preferences.show),
    Route("/u/o/{token}", tracking_links.show_pixel, _READ),
    Route("/u/c/{token}", tracking_links.follow, _READ),
    Route("/l/{name}", tracking_links.follow_short, _READ),
]
STAFF: Sequence[Route] = [
    Route("/staff", home.show, _READ),
    Route("/staff/sign-in", signing_in.sign_in, longest=60_000),
    Route("/staff/sign-out", signing_in.sign_out, _WRITE),
    Route("/staff/sign-out-everywhere", signing_in.sign_out_everywhere, _WRITE),
    Route("/staff/apps", apps.show),
    Route("/api/oauth/authorize", partners.show, longest=10_000),
    Route("/public/oauth/authorize", consent.ask, _READ),
    Route("/public/oauth/consent", consent.decide, _WRITE, longest=90_000),
]
