"""What a guest's text message asks for: STOP, START or HELP, in the words that people use."""

import re
import unicodedata
from typing import Final, Literal

Wish = Literal["stop", "start", "help"]

_WORDS: Final[dict[str, Wish]] = {
    **dict.fromkeys(
        (
            *("stop", "stopall", "stop all", "unsubscribe", "cancel", "end", "quit", "revoke", "optout", "opt out"),
            *("arret", "arreter", "arretez", "desabonner", "desinscrire", "desinscription"),
            *("baja", "parar", "alto", "cancelar", "stopp", "abmelden", "annulla", "disiscrivi", "sair", "stoppen"),
        ),
        "stop",
    ),
    **dict.fromkeys(("start", "unstop", "optin", "opt in", "subscribe", "reprendre", "alta", "reanudar"), "start"),
    **dict.fromkeys(("help", "info", "aide", "ayuda", "hilfe", "aiuto", "ajuda"), "help"),
}
# Said besides, without meaning more.
_COURTESIES: Final = frozenset(
    ("please", "pls", "now", "thanks", "sms", "texts", "svp", "merci", "bitte", "danke", "favor", "por", "gracias")
)
_LONGEST = 60


def wish(text: str) -> Wish | None:
    """What the whole message asks for; None for anything longer: "Cancel my booking" is not a STOP.

    Capitals, accents, punctuation and pictures say nothing.
    """
    if len(text) > _LONGEST:
        return None
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(char for char in decomposed if not unicodedata.combining(char))
    words = [word for word in re.findall(r"\w+", bare) if word not in _COURTESIES]
    return _WORDS.get(" ".join(words))
