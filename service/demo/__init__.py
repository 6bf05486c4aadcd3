"""The demo: a simulated sales office that tells the service about its day by amoCRM's own webhooks.

`story` is the worked example of SPEC sections 2.7 and 3.11, `office` is the life that goes on after it,
`books` is the CRM's state, `wire` writes all of it as form bodies, `post` sends them, and `run` plays the
whole. Nothing here reaches into the running service: everything goes over HTTP.
"""
