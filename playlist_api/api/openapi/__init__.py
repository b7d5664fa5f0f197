"""The OpenAPI document, made of the schemas, the routes and what their views' decorators note."""
