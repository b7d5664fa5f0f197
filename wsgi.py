"""What gunicorn serves and the `flask` command loads: `wsgi:app`."""

import sys

from playlist_api.app import create_app
from playlist_api.config import SettingsError

try:
    app = create_app()
except SettingsError as error:
    sys.exit(str(error))
