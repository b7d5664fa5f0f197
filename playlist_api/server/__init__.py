"""What gunicorn has no settings for; gunicorn.conf.py puts it in place.

Slow clients, connections that are kept, logs, and answers to what is no HTTP. TLS is the proxy's
part: this worker cannot.
"""
