"""The gunicorn worker. gunicorn.conf.py names it, and needs no other change to gunicorn.

It bounds the time and the threads that slow clients take, and knows HTTP/1.1 without TLS only: TLS
is the proxy's task.
"""
