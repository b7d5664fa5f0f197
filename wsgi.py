"""What gunicorn serves and the `flask` command loads: `wsgi:app`."""

import os
import sys

from playlist_api.app import create_app
from playlist_api.config import SettingsError

environ = dict(os.environ)
if environ.get("APP_ENV") == "development":
    from dev.defaults import with_defaults  # images and servers lack it

    environ = with_defaults(environ)
try:
    app = create_app(environ)
except SettingsError as error:
    sys.exit(str(error))
