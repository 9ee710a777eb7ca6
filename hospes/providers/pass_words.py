"""What passes say, in the languages of the guest's pages. The English words are also the keys."""

POINTS = "Points"
TIER = "Tier"
GUEST = "Guest"
OFFER = "Offer"
OFFER_ENDS = "Offer ends"
PLACES = "Valid at"
NEXT_TIER = "Next tier"
MISSING = "Points to the next tier"
NOW_POINTS = "You now have %@ points."
NOW_TIER = "Your tier is now %@."
VOID = "No longer valid"
VOID_TITLE = "This pass"
VOID_TEXT = "This pass is no longer valid. Get a new one from your wallet page."
TEST_TITLE = "Test pass"
TEST_TEXT = "Signed with a certificate that this server made for itself. Phones do not accept it."

LANGUAGES: dict[str, dict[str, str]] = {
    "en": {
        words: words
        for words in (
            *(POINTS, TIER, GUEST, OFFER, OFFER_ENDS, PLACES, NEXT_TIER, MISSING, NOW_POINTS, NOW_TIER),
            *(VOID, VOID_TITLE, VOID_TEXT, TEST_TITLE, TEST_TEXT),
        )
    },
    "fr": {
        POINTS: "Points",
        TIER: "Niveau",
        GUEST: "Client",
        OFFER: "Offre",
        OFFER_ENDS: "Fin de l’offre",
        PLACES: "Valable à",
        NEXT_TIER: "Niveau suivant",
        MISSING: "Points jusqu’au niveau suivant",
        NOW_POINTS: "Vous avez maintenant %@ points.",
        NOW_TIER: "Votre niveau est maintenant %@.",
        VOID: "N’est plus valable",
        VOID_TITLE: "Cette carte",
        VOID_TEXT: "Cette carte n’est plus valable. Demandez-en une nouvelle sur la page de votre portefeuille.",
        TEST_TITLE: "Carte d’essai",
        TEST_TEXT: "Signée avec un certificat que ce serveur s’est fait lui-même. Les téléphones ne l’acceptent pas.",
    },
    "es": {
        POINTS: "Puntos",
        TIER: "Nivel",
        GUEST: "Cliente",
        OFFER: "Oferta",
        OFFER_ENDS: "Fin de la oferta",
        PLACES: "Válida en",
        NEXT_TIER: "Siguiente nivel",
        MISSING: "Puntos hasta el siguiente nivel",
        NOW_POINTS: "Ahora tiene %@ puntos.",
        NOW_TIER: "Su nivel es ahora %@.",
        VOID: "Ya no es válida",
        VOID_TITLE: "Esta tarjeta",
        VOID_TEXT: "Esta tarjeta ya no es válida. Pida una nueva en la página de su cartera.",
        TEST_TITLE: "Tarjeta de prueba",
        TEST_TEXT: "Firmada con un certificado que este servidor se hizo a sí mismo. Los teléfonos no la aceptan.",
    },
}


def strings(words: dict[str, str]) -> bytes:
    """A `pass.strings` file: UTF-16 with a mark, as Apple's tools write it."""
    lines = (f'"{_quoted(key)}" = "{_quoted(value)}";\n' for key, value in words.items())
    return b"\xff\xfe" + "".join(lines).encode("utf-16-le")


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
