"""The peer of `metria server`: Flask with scikit-learn, threads, kept connections. usage: flask_server.py JSON"""

import json
import sys
from datetime import datetime, timezone

from flask import Flask, jsonify, request
from werkzeug.serving import WSGIRequestHandler, make_server

import pandas as pd
from peers import credit_pipeline, read_table
from sklearn.model_selection import train_test_split


def main(arguments):
    target = arguments["target"]
    table = read_table(arguments["table"])
    train, _ = train_test_split(table, test_size=0.2, random_state=42, stratify=table[target])
    model, _ = credit_pipeline(train, target, arguments["settings"])
    app = Flask(__name__)

    @app.get("/health")
    def health():
        return jsonify(status="healthy", loaded_models=["german-credit"])

    @app.post("/predict/<name>")
    def predict(name):
        rows = pd.DataFrame(request.get_json()["instances"])
        proba = model.predict_proba(rows)
        return jsonify(
            predictions=model.classes_[proba.argmax(axis=1)].tolist(),
            model_name=name,
            timestamp=datetime.now(timezone.utc).isoformat(),
            probabilities=proba.tolist(),
        )

    WSGIRequestHandler.protocol_version = "HTTP/1.1"
    WSGIRequestHandler.log = lambda *_: None
    make_server("127.0.0.1", arguments["port"], app, threaded=True).serve_forever()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
