"""The simulated sales office of the demo and the tests, in a simulated CRM of any kind.

`office` holds the truth, `story` plays the worked examples of SPEC sections 2.7 and 3.11 in it, and `life`
goes on after that; `telling` says in words what happens. `crms` has the simulated CRMs, `postman` posts their
webhooks, and `run` plays the whole. Nothing here reaches into the running service: everything goes over HTTP.
"""
