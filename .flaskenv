# For the `flask` command in a checkout. The environment overrides it; images and servers lack it.
APP_ENV=development
FLASK_APP=wsgi
