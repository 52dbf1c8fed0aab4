"""Says which database library it was built with, on a web page."""

import flask
import psycopg2

app = flask.Flask(__name__)


@app.get("/")
def hello():
    return f"Hello from libpq {psycopg2.extensions.libpq_version()}\n"


if __name__ == "__main__":
    print(app.test_client().get("/").text, end="")
