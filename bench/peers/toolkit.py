"""The refresh grant of django-oauth-toolkit on PostgreSQL: settings, URLs, and rows to begin with.

`python toolkit.py prepare COUNT` makes the tables and prints a refresh token a line; gunicorn serves `application`.
"""

import os
import sys

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="bench",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "oauth2_provider"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": os.environ["BENCH_HOST"],
            "USER": os.environ["BENCH_USER"],
            "NAME": os.environ["BENCH_DATABASE"],
            "CONN_MAX_AGE": None,
        }
    },
    OAUTH2_PROVIDER={"SCOPES": {"api": "Everything"}, "ROTATE_REFRESH_TOKEN": True},
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],  # which says how long an answer is
    USE_TZ=True,
)
django.setup()

from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.urls import include, path  # noqa: E402

urlpatterns = [path("o/", include("oauth2_provider.urls", namespace="oauth2_provider"))]
application = get_wsgi_application()


def prepare(count: int) -> None:
    from datetime import timedelta

    from django.contrib.auth.models import User
    from django.utils import timezone
    from oauth2_provider.models import AccessToken, Application, RefreshToken

    call_command("migrate", verbosity=0)
    user = User.objects.create_user("bench")
    app = Application.objects.create(
        name="bench",
        client_id="bench",
        client_secret="a-secret-of-the-benchmark-and-nothing-else",
        hash_client_secret=False,
        client_type="confidential",
        authorization_grant_type="authorization-code",
        redirect_uris="https://app.example.com/cb",
        user=user,
    )
    for number in range(count):
        token = f"refresh-{number}-{os.urandom(16).hex()}"
        access = AccessToken.objects.create(
            user=user, application=app, token="a" + token, scope="api", expires=timezone.now() + timedelta(hours=1)
        )
        RefreshToken.objects.create(user=user, application=app, token=token, access_token=access)
        print(token)


if __name__ == "__main__":
    prepare(int(sys.argv[2]))
