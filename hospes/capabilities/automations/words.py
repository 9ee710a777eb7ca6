"""What guests are told when the operator has no words of their own: English, French and Spanish, in Liquid."""

from collections.abc import Mapping

from hospes.capabilities.automations.plan import BEFORE_ARRIVAL, CHANGED, CHECK_OUT, CONFIRMATION
from hospes.capabilities.messaging.templates import Content

DEFAULT = "en"
# The operator's own words are in the template of this name.
SLUGS = {
    CONFIRMATION: "booking_confirmation",
    CHANGED: "booking_changed",
    BEFORE_ARRIVAL: "before_arrival",
    CHECK_OUT: "check_out",
}

_NAME = '{% if guest.first_name != "" %} {{ guest.first_name }}{% endif %}'
_ADDRESS = '{% if booking.property.address != "" %}\n{{ booking.property.address }}{% endif %}'


def _content(subject: str, *paragraphs: str) -> Content:
    return Content(subject=subject, html="", text="\n\n".join((*paragraphs, "{{ business.name }}")) + "\n")


_ENGLISH_STAY = (
    "{{ booking.property.name }}" + _ADDRESS + "\n"
    "Arrival: {{ booking.arrival }}, from {{ booking.check_in_time }}\n"
    "Departure: {{ booking.departure }}, until {{ booking.check_out_time }}\n"
    "Nights: {{ booking.nights }}"
)
_FRENCH_STAY = (
    "{{ booking.property.name }}" + _ADDRESS + "\n"
    "Arrivée : {{ booking.arrival }}, à partir de {{ booking.check_in_time }}\n"
    "Départ : {{ booking.departure }}, avant {{ booking.check_out_time }}\n"
    "Nuits : {{ booking.nights }}"
)
_SPANISH_STAY = (
    "{{ booking.property.name }}" + _ADDRESS + "\n"
    "Llegada: {{ booking.arrival }}, a partir de las {{ booking.check_in_time }}\n"
    "Salida: {{ booking.departure }}, hasta las {{ booking.check_out_time }}\n"
    "Noches: {{ booking.nights }}"
)

_ENGLISH = {
    CONFIRMATION: _content(
        "Your stay at {{ booking.property.name }} is confirmed",
        f"Hello{_NAME},",
        "thank you for your booking. We look forward to having you.",
        _ENGLISH_STAY,
        "If anything is not right, please let us know.",
    ),
    CHANGED: _content(
        "Your stay at {{ booking.property.name }} has new dates",
        f"Hello{_NAME},",
        "your booking has changed. These are your dates now:",
        _ENGLISH_STAY,
        "If anything is not right, please let us know.",
    ),
    BEFORE_ARRIVAL: _content(
        "Your arrival at {{ booking.property.name }}",
        f"Hello{_NAME},",
        "your stay is near. Here is what you need to get in:",
        _ENGLISH_STAY
        + '{% if lock_code != "" %}\n\nYour code for the door: {{ lock_code }}\n'
        + "It opens the door from check-in until check-out.{% endif %}",
        "We wish you a good journey.",
    ),
    CHECK_OUT: _content(
        "Your departure from {{ booking.property.name }}",
        f"Good morning{_NAME},",
        "thank you for staying with us. Check-out is until {{ booking.check_out_time }} today: "
        "please close the windows, and the door behind you.",
        "We would love to see you again.",
    ),
}
_FRENCH = {
    CONFIRMATION: _content(
        "Votre séjour à {{ booking.property.name }} est confirmé",
        f"Bonjour{_NAME},",
        "merci pour votre réservation. Nous nous réjouissons de vous accueillir.",
        _FRENCH_STAY,
        "Si quelque chose ne va pas, dites-le-nous.",
    ),
    CHANGED: _content(
        "De nouvelles dates pour votre séjour à {{ booking.property.name }}",
        f"Bonjour{_NAME},",
        "votre réservation a changé. Voici vos dates :",
        _FRENCH_STAY,
        "Si quelque chose ne va pas, dites-le-nous.",
    ),
    BEFORE_ARRIVAL: _content(
        "Votre arrivée à {{ booking.property.name }}",
        f"Bonjour{_NAME},",
        "votre séjour approche. Voici ce qu’il vous faut pour entrer :",
        _FRENCH_STAY
        + '{% if lock_code != "" %}\n\nVotre code pour la porte : {{ lock_code }}\n'
        + "Il ouvre la porte de l’arrivée jusqu’au départ.{% endif %}",
        "Nous vous souhaitons un bon voyage.",
    ),
    CHECK_OUT: _content(
        "Votre départ de {{ booking.property.name }}",
        f"Bonjour{_NAME},",
        "merci d’avoir séjourné chez nous. Le départ est prévu avant {{ booking.check_out_time }} aujourd’hui : "
        "pensez à fermer les fenêtres, et la porte derrière vous.",
        "Au plaisir de vous revoir.",
    ),
}
_SPANISH = {
    CONFIRMATION: _content(
        "Su estancia en {{ booking.property.name }} está confirmada",
        f"Hola{_NAME}:",
        "gracias por su reserva. Será un placer recibirle.",
        _SPANISH_STAY,
        "Si algo no es correcto, díganoslo, por favor.",
    ),
    CHANGED: _content(
        "Nuevas fechas para su estancia en {{ booking.property.name }}",
        f"Hola{_NAME}:",
        "su reserva ha cambiado. Estas son sus fechas ahora:",
        _SPANISH_STAY,
        "Si algo no es correcto, díganoslo, por favor.",
    ),
    BEFORE_ARRIVAL: _content(
        "Su llegada a {{ booking.property.name }}",
        f"Hola{_NAME}:",
        "su estancia se acerca. Esto es lo que necesita para entrar:",
        _SPANISH_STAY
        + '{% if lock_code != "" %}\n\nSu código para la puerta: {{ lock_code }}\n'
        + "Abre la puerta desde la llegada hasta la salida.{% endif %}",
        "Le deseamos un buen viaje.",
    ),
    CHECK_OUT: _content(
        "Su salida de {{ booking.property.name }}",
        f"Buenos días{_NAME}:",
        "gracias por alojarse con nosotros. La salida es hasta las {{ booking.check_out_time }} de hoy: "
        "cierre las ventanas y la puerta al irse, por favor.",
        "Nos encantará volver a verle.",
    ),
}
_LANGUAGES: Mapping[str, Mapping[str, Content]] = {"en": _ENGLISH, "fr": _FRENCH, "es": _SPANISH}


def language(told: object) -> str:
    """A language that there are words in: the guest's, else English."""
    return told if isinstance(told, str) and told in _LANGUAGES else DEFAULT


def built_in(step: str, spoken: str) -> Content:
    """The words for a step in a language that there are words in."""
    return _LANGUAGES[spoken][step]
