"""The HTTP interface, described: OpenAPI for requests and responses, AsyncAPI for the event stream."""
