"""The routes: a view loads what the client sent, calls one service and dumps what came back."""
