"""The least that a Flask service can do with a request: parse its body and answer without cards."""

from flask import Flask, Response, jsonify, request


def create_app() -> Flask:
    """The WSGI application."""
    app = Flask("floor", static_folder=None)

    @app.post("/cds-services/<_service_id>")
    def call(_service_id: str) -> Response:
        request.get_json()
        return jsonify({"cards": []})

    @app.get("/__heartbeat__")
    def heartbeat() -> Response:
        return jsonify({"status": "ok"})

    return app
