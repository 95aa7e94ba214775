"""What is asked of both servers. A scenario is a function that is given a `Wire` and has no other way to the server.

To add one: write a function with `@scenario` in a file of this folder, and import the file at the end of this one. Each
call has a label that says what it shows; labels are the names under which differences are listed.
"""

SCENARIOS = {}


def scenario(function):
    """Makes a function one of the scenarios, under its file's and its own name."""
    name = f"{function.__module__.rsplit('.', 1)[-1]}.{function.__name__}"
    assert name not in SCENARIOS, name
    SCENARIOS[name] = function
    return function


from . import experiments, metrics, protocol, registry, runs, search  # noqa: E402, F401
